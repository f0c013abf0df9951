"""Objectives and proxies with a known answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from geosearch.errors import TrainingFailedError
from geosearch.mixture.weights import Weights
from geosearch.runtime.result_cache import Evaluation

GOAL = np.array([0.6, 0.3, 0.1])


def surface(weights: Weights) -> float:
    """Smallest at GOAL, in the middle of the spread axis, for transport pairing."""
    spread = 0.0 if np.isinf(weights.concentration) else 0.05
    return float(np.square(weights.array - GOAL).sum()) + spread + 0.02 * (weights.pairing == "random")


@dataclass
class FakeObjective:
    """Evaluates `surface`; remembers what it was asked; can be told to die or to fail."""

    asked: list = field(default_factory=list)
    die_after: int | None = None
    fail: bool = False
    noise: float = 0.0  # standard deviation of a long run

    def evaluate_many(self, calls, *, jobs=1):
        results = []
        for point, steps, repeat, *_ in calls:
            if self.die_after is not None and len(self.asked) >= self.die_after:
                raise KeyboardInterrupt
            self.asked.append((point, steps))
            value = surface(point) * (0.9 if steps else 1.0)
            if steps:
                drawn = np.random.default_rng([repeat, *np.round(1e6 * point.array).astype(int)])
                value += self.noise * drawn.normal()
            results.append(TrainingFailedError("NaN loss") if self.fail else Evaluation("key", value, value / 2, 0.01))
        return results


class FakeProxy:
    """A proxy that agrees with the surface (sign +1), or says the opposite (sign -1); can be told to die."""

    def __init__(self, sign: int = 1, die_after: int | None = None) -> None:
        self.sign = sign
        self.die_after = die_after
        self.asked = 0

    def otdd(self, weights):
        if self.asked == self.die_after:
            raise KeyboardInterrupt
        self.asked += 1
        return 10 + self.sign * surface(weights)
