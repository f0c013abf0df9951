"""Learning-rate schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """Learning rate over a run, as a factor of the recipe's learning rate."""

    def factor(self, step: int, steps: int) -> float:
        """The factor in (0, 1] at `step` of `steps`."""
        ...


@dataclass(frozen=True)
class OneCycle:
    """Linear rise over the first `warmup` of the run, then half a cosine down to almost nothing."""

    warmup: float = 0.2

    def factor(self, step: int, steps: int) -> float:
        position = (step + 1) / (steps + 1)
        if position < self.warmup:
            return max(position / self.warmup, 0.04)
        return max(0.5 * (1 + math.cos(math.pi * (position - self.warmup) / (1 - self.warmup))), 1e-3)


@dataclass(frozen=True)
class Constant:
    """The same learning rate at every step."""

    def factor(self, step: int, steps: int) -> float:
        return 1.0
