"""TensorFlow's "same" padding for convolutions, at any input size and without Python branches on sizes."""

import torch.nn.functional as F
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """A convolution to ceil(size / stride) rows and columns; odd padding goes to the bottom and right.

    `efficientnet_pytorch` computes the same padding, but so that `torch.jit.trace` freezes it, with a warning
    a layer. Takes odd square kernels no smaller than the stride, without dilation.

    Attributes:
        even: whether every input has sides that the stride divides; a converted file then pads by constants.
    """

    even = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return F.conv2d(x, self.weight, self.bias, 1, kernel // 2, 1, self.groups)
        height = kernel - stride + (0 if self.even else -x.shape[2] % stride)
        width = kernel - stride + (0 if self.even else -x.shape[3] % stride)
        x = F.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2])
        return F.conv2d(x, self.weight, self.bias, stride, 0, 1, self.groups)


def use_same_convolutions(model: nn.Module) -> None:
    """Replace every convolution inside `model`, in place, by a SameConv2d that holds the same parameters."""
    for parent in list(model.modules()):
        for name, conv in parent.named_children():
            if isinstance(conv, nn.Conv2d):
                setattr(parent, name, _same(conv))


def expect_even_sides(model: nn.Module) -> None:
    """Tell every SameConv2d inside `model`, in place, that its inputs have sides that its stride divides."""
    for module in model.modules():
        if isinstance(module, SameConv2d):
            module.even = True


def _same(conv: nn.Conv2d) -> SameConv2d:
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    same = SameConv2d(1, 1, kernel, stride)
    same.in_channels, same.out_channels, same.groups = conv.in_channels, conv.out_channels, conv.groups
    same.weight, same.bias = conv.weight, conv.bias
    return same
