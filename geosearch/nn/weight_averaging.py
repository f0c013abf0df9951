"""Averages of the weights over a training run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from geosearch.errors import InvalidOptionError
from geosearch.runtime.registry import Choice

AnyBatch = TypeVar("AnyBatch")

NORM_BATCHES = 20  # batches from which batch normalization statistics are recomputed


class Averaging(Protocol):
    """How the weights are averaged over a run."""

    def newest_weight(self, step: int, steps: int) -> float:
        """The weight in (0, 1] of the parameters after `step` of `steps` in the average; 1 restarts it."""
        ...


AVERAGINGS: Choice[Averaging | None] = Choice(
    "recipe.averaging",
    default="none",
    meaning="Average of the weights over a training; it pays with a constant learning rate only.",
    room=__name__,
)


@AVERAGINGS.register("none", "the weights of the last step")
class NoAveraging:
    """Stands for no average; a recipe then has None."""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **context: object) -> None:
        return None


@AVERAGINGS.register("exponential", "an exponential moving average")
@dataclass(frozen=True)
class ExponentialAverage:
    """An exponential moving average; over the first 1 / (1 - decay) steps the plain mean.

    Source: Polyak & Juditsky 1992; as used on networks, Tarvainen & Valpola 2017, sec. 2.

    Attributes:
        decay: weight in (0, 1) of the previous average at each step; 0.98 averages over about 50 steps.

    Example:
        >>> from geosearch.nn import ExponentialAverage
        >>> ExponentialAverage(decay=0.9).newest_weight(step=1, steps=100)
        0.5
    """

    decay: float = 0.98

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise InvalidOptionError(f"ExponentialAverage needs decay in (0, 1), got {self.decay}; 0.98 is usual")

    def newest_weight(self, step: int, steps: int) -> float:
        return max(1.0 - self.decay, 1.0 / (step + 1))


@AVERAGINGS.register("tail", "the mean over the last quarter")
@dataclass(frozen=True)
class TailAverage:
    """The plain mean over the last steps of a run; a run that stops before them keeps its last weights.

    Source: Izmailov et al. 2018 (SWA), with the mean over steps instead of epochs.

    Attributes:
        share: fraction in (0, 1] of the run that is averaged.

    Example:
        >>> from geosearch.nn import TailAverage
        >>> [TailAverage(share=0.5).newest_weight(step, steps=4) for step in range(4)]
        [1.0, 1.0, 1.0, 0.5]
    """

    share: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InvalidOptionError(f"TailAverage needs share in (0, 1], got {self.share}; 0.25 is usual")

    def newest_weight(self, step: int, steps: int) -> float:
        first = steps - max(1, round(self.share * steps))
        return 1.0 if step <= first else 1.0 / (step - first + 1)


class RunningAverage:
    """The average of parameters over the steps so far.

    Args:
        averaging: how the steps are weighted.
        parameters: tensors of any shapes.
        steps: length of the run.
    """

    def __init__(self, averaging: Averaging, parameters: Iterable[torch.Tensor], steps: int) -> None:
        self._averaging, self._steps, self._step = averaging, steps, 0
        self._parameters = list(parameters)
        self._mean = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Add the parameters after one more step to the average."""
        share = self._averaging.newest_weight(self._step, self._steps)
        for mean, parameter in zip(self._mean, self._parameters, strict=True):
            mean.lerp_(parameter, share)
        self._step += 1

    @torch.no_grad()
    def apply(self) -> None:
        """Copy the average into the parameters."""
        for mean, parameter in zip(self._mean, self._parameters, strict=True):
            parameter.copy_(mean)


def batch_norm_layers(network: nn.Module) -> list[_BatchNorm]:
    """The batch normalization layers that update their statistics in a forward pass."""
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.training]


@torch.no_grad()
def update_batch_norm(
    layers: Sequence[_BatchNorm], forward: Callable[[AnyBatch], object], batches: Iterable[AnyBatch]
) -> None:
    """Recompute the running statistics over new batches, since the present ones belong to other weights.

    Source: Izmailov et al. 2018 (SWA), sec. 3.2.

    Args:
        layers: from `batch_norm_layers`.
        forward: runs their network in training mode on a batch.
        batches: at most `NORM_BATCHES` are taken.
    """
    momenta = [layer.momentum for layer in layers]
    for done, batch in enumerate(islice(batches, NORM_BATCHES if layers else 0)):
        for layer in layers:
            layer.momentum = 1.0 / (done + 1)  # cumulative mean over the batches
        forward(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
