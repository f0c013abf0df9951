"""Learning-rate schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from geosearch.runtime.registry import Choice


class Schedule(Protocol):
    """The learning rate over a run, as a factor of the learning rate of the recipe."""

    def factor(self, step: int, steps: int) -> float:
        """The factor in (0, 1] at `step` of `steps`."""
        ...


SCHEDULES: Choice[Schedule] = Choice(
    "recipe.schedule", default="one-cycle", meaning="Learning rate over a training.", room=__name__
)


@SCHEDULES.register("one-cycle", "rises, then falls to zero")
@dataclass(frozen=True)
class OneCycle:
    """Linear warmup over the fraction `warmup` of the run, then cosine annealing to almost zero.

    Example:
        >>> from geosearch.nn import OneCycle
        >>> [round(OneCycle().factor(step, 5), 2) for step in range(5)]
        [0.83, 0.93, 0.69, 0.37, 0.1]
    """

    warmup: float = 0.2

    def factor(self, step: int, steps: int) -> float:
        position = (step + 1) / (steps + 1)
        if position < self.warmup:
            return max(position / self.warmup, 0.04)
        return max(0.5 * (1 + math.cos(math.pi * (position - self.warmup) / (1 - self.warmup))), 1e-3)


@SCHEDULES.register("constant", "stays the same")
@dataclass(frozen=True)
class Constant:
    """The same learning rate at every step.

    Example:
        >>> from geosearch.nn import Constant
        >>> Constant().factor(step=3, steps=10)
        1.0
    """

    def factor(self, step: int, steps: int) -> float:
        return 1.0
