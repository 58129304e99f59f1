"""The operators that a weights file may call: a closed list, because some of torch's write files."""

# What torch.jit.trace and torch.export leave of this project's families and of timm's, with their near
# relations. None takes the name of a file, runs code or reaches beyond the tensors that it is given.
OPERATORS = frozenset(
    """
    abs add addcmul addcdiv amax amin aminmax arange argmax argmin bitwise_and bitwise_not bitwise_or
    bitwise_xor ceil clamp clamp_max clamp_min cos cosh cumsum cumprod div eq erf exp expm1 floor
    floor_divide fmod full full_like ge gt le lerp log log1p log2 log10 logical_and logical_not logical_or
    logical_xor lt masked_fill max maximum mean min minimum mul ne neg norm linalg_norm linalg_vector_norm
    new_full new_ones new_zeros ones ones_like pow prod reciprocal remainder round rsqrt rsub scalar_tensor
    sign sin sinh sqrt square std std_mean sub sum tan tanh true_divide trunc var var_mean where zeros
    zeros_like fill zero

    cat chunk clone contiguous copy detach expand expand_as flatten flip index index_select gather meshgrid
    movedim narrow numel pad constant_pad_nd reflection_pad2d replication_pad2d permute repeat
    repeat_interleave reshape roll select size slice split split_with_sizes squeeze stack sym_numel sym_size
    sym_stride t tensor_split tile to transpose tril triu type_as unbind unflatten unfold unsqueeze view
    view_as numpy_T mT _to_copy _unsafe_view alias lift_fresh lift_fresh_copy device _assert_tensor_metadata
    sym_constrain_range sym_constrain_range_for_size _assert_scalar _shape_as_tensor

    addmm baddbmm bmm conv1d conv2d conv3d conv_transpose2d convolution _convolution _convolution_mode
    einsum embedding linear matmul mm

    batch_norm group_norm instance_norm layer_norm native_group_norm native_layer_norm rms_norm
    local_response_norm

    celu dropout elu feature_dropout gelu glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid
    log_softmax logsumexp mish normalize prelu relu relu6 selu sigmoid silu softmax softplus softsign
    _softmax _log_softmax threshold

    adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d avg_pool1d avg_pool2d
    max_pool1d max_pool2d max_pool2d_with_indices lp_pool2d

    channel_shuffle native_channel_shuffle col2im grid_sampler grid_sampler_2d affine_grid_generator im2col
    pixel_shuffle pixel_unshuffle upsample_bicubic2d _upsample_bicubic2d_aa upsample_bilinear2d
    _upsample_bilinear2d_aa upsample_linear1d upsample_nearest2d _upsample_nearest_exact2d

    fft_fft2 fft_ifft2 fft_irfft2 fft_rfft2 real imag view_as_complex view_as_real complex

    scaled_dot_product_attention _native_multi_head_attention
    """.split()
)


def is_known(name: str) -> bool:
    """Whether an aten operator, such as "relu" or "relu_" (in place), is of the list."""
    return name in OPERATORS or name.removesuffix("_") in OPERATORS
