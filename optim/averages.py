"""Averaged weights: exponential (EMA) after every update, or equal (SWA) over the ends of late epochs."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Averages:
    """What is validated, kept as best and converted in place of the weights that learn.

    EMA: Polyak and Juditsky 1992, batch statistics averaged too. SWA: Izmailov et al. 2018, batch statistics
    computed anew from the training images, as those of averaged weights are not averages; those of a frozen
    backbone stay what they are. Without either, all methods do nothing.

    Args:
        network: not wrapped, on its device.
        ema: decay in (0, 1) of each update.
        swa_from: the first epoch, from 0, at whose end weights are averaged.
    """

    def __init__(self, network: nn.Module, *, ema: float | None = None, swa_from: int | None = None) -> None:
        self._network, self._ema, self._swa_from = network, ema, swa_from
        self._model: AveragedModel | None = None
        self._begun = False  # n_averaged > 0, known without reading it from the device
        if ema is not None:
            self._average = get_ema_multi_avg_fn(ema)
            self._model = AveragedModel(network, multi_avg_fn=self._average, use_buffers=True)
        elif swa_from is not None:
            self._model = AveragedModel(network)

    def after_update(self) -> None:
        """Call after every update of the weights."""
        if self._model is None or self._ema is None:
            return
        # as update_parameters, which reads n_averaged from the device at every call
        for floating in (True, False):
            kept, new = (
                [value.detach() for value in _values(module) if value.is_floating_point() == floating]
                for module in (self._model.module, self._network)
            )
            if kept and self._begun:
                self._average(kept, new, None)
            elif kept:
                torch._foreach_copy_(kept, new)
        self._begun = True
        self._model.n_averaged += 1

    def after_epoch(
        self,
        epoch: int,
        inputs: Iterable[Tensor],
        part: Callable[[nn.Module], nn.Module] = lambda network: network,
    ) -> None:
        """Call at the end of `epoch`, the network in the modes in which it learnt.

        Args:
            epoch: from 0.
            inputs: batches of what the network learnt from, (B, 3, H, W) if images, which only SWA asks for.
            part: the part of the network that they are the inputs of.
        """
        if self._model is not None and self._swa_from is not None and epoch >= self._swa_from:
            self._model.update_parameters(self._network)
            for averaged, module in zip(self._model.module.modules(), self._network.modules(), strict=True):
                averaged.training = module.training
            update_statistics(part(self._model.module), inputs)

    @property
    def averaged_model(self) -> nn.Module:
        """The averaged network, or the one that learns while there is no average."""
        if self._model is None or not int(self._model.n_averaged):
            return self._network
        return self._model.module

    def state_dict(self) -> dict[str, Any] | None:
        """For a checkpoint."""
        return None if self._model is None else self._model.state_dict()

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """The inverse."""
        if self._model is not None and state is not None:
            self._model.load_state_dict(state)
            self._begun = bool(int(self._model.n_averaged))


def _values(network: nn.Module) -> Iterator[Tensor]:
    return chain(network.parameters(), network.buffers())


@torch.no_grad()
def update_statistics(network: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Compute the running statistics of batch normalisation anew, where it is in training mode.

    The mean over batches, each weighted by its images. torch's `update_bn` weights a short last batch as the
    others, and resets statistics that are frozen, or for which no batch is there.

    Args:
        network: on the device of `inputs`.
        inputs: (B, 3, H, W) each, composed as in training: a network that learnt from one image a step, each
            normalised by itself, needs the means of such statistics.
    """
    learning = [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.training and module.track_running_stats
    ]
    if not learning:
        return
    momenta = [module.momentum for module in learning]
    seen = 0
    for batch in inputs:
        seen += len(batch)
        for module in learning:
            module.momentum = len(batch) / seen  # 1 at first: what was there before is forgotten
        network(batch)
    for module, momentum in zip(learning, momenta, strict=True):
        module.momentum = momentum
