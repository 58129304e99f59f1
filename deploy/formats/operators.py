"""The operators that a weights file may call: a closed list, because some of torch's write files."""

# What torch.jit.trace and torch.export leave of this project's families and of timm's, with their near
# relations. None takes the name of a file, runs code or reaches beyond the tensors that it is given.
OPERATORS = frozenset(
    """
    abs absolute add addcdiv addcmul amax amin aminmax arange argmax argmin atan2 bitwise_and bitwise_not
    bitwise_or bitwise_xor ceil clamp clamp_max clamp_min cos cosh cumprod cumsum div divide eq erf exp
    expm1 fill floor floor_divide fmod full full_like ge gt le lerp linalg_norm linalg_vector_norm log log10
    log1p log2 logical_and logical_not logical_or logical_xor lt masked_fill max maximum mean min minimum
    mul multiply nan_to_num ne neg negative new_full new_ones new_zeros norm ones ones_like pow prod
    reciprocal remainder round rsqrt rsub scalar_tensor sign sin sinh sqrt square std std_mean sub subtract
    sum tan tanh true_divide trunc var var_mean where zero zeros zeros_like

    alias argsort _assert_scalar _assert_tensor_metadata cat chunk clone concat constant_pad_nd contiguous
    copy detach device expand expand_as eye flatten flip gather hstack index index_select lift_fresh
    lift_fresh_copy linspace mT meshgrid movedim narrow numel numpy_T pad permute ravel reflection_pad2d
    repeat repeat_interleave replication_pad2d reshape reshape_as roll rot90 scatter select _shape_as_tensor
    size slice sort split split_with_sizes squeeze stack swapaxes swapdims sym_constrain_range
    sym_constrain_range_for_size sym_numel sym_size sym_stride t tensor_split tile to _to_copy topk
    transpose tril triu type_as unbind unflatten unfold _unsafe_view unsqueeze view view_as vstack

    addmm baddbmm bmm conv1d conv2d conv3d conv_transpose2d convolution _convolution _convolution_mode dot
    einsum embedding linear matmul mm mv outer tensordot

    batch_norm group_norm instance_norm layer_norm local_response_norm native_group_norm native_layer_norm
    rms_norm

    celu dropout elu feature_dropout gelu glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid
    log_softmax _log_softmax logsumexp mish normalize prelu relu relu6 selu sigmoid silu softmax _softmax
    softplus softsign threshold

    adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d avg_pool1d avg_pool2d
    lp_pool2d max_pool1d max_pool2d max_pool2d_with_indices

    affine_grid_generator channel_shuffle col2im grid_sampler grid_sampler_2d im2col native_channel_shuffle
    pixel_shuffle pixel_unshuffle upsample_bicubic2d _upsample_bicubic2d_aa upsample_bilinear2d
    _upsample_bilinear2d_aa upsample_linear1d upsample_nearest2d _upsample_nearest_exact2d

    complex fft_fft2 fft_ifft2 fft_irfft2 fft_rfft2 imag real view_as_complex view_as_real

    _native_multi_head_attention scaled_dot_product_attention
    """.split()
)


def is_known(name: str) -> bool:
    """Whether an aten operator, such as "relu" or "relu_" (in place), is of the list."""
    return name in OPERATORS or name.removesuffix("_") in OPERATORS
