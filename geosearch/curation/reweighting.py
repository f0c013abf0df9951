"""Reweighting of samples by a few gradient steps on the leave-one-out error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.curation.weighted_pool import WeightedPool
from geosearch.errors import InvalidOptionError

STEPS = 3
LENGTH = 0.1  # root mean square change of the weights in a step
_HALVINGS = 6


@dataclass(frozen=True, eq=False)
class Reweighting:
    """New weights of the samples, and the error before and after.

    Attributes:
        weights: (n,) >= 0, factors on the weights that the samples had before.
        losses: leave-one-out error before the first step and after each step.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(100) % 2
        >>> features = rng.normal(size=(100, 5)) + labels[:, None]
        >>> result = reweight(WeightedPool.of(features, np.eye(2)[labels]))
        >>> result.losses[-1] <= result.losses[0]
        True
    """

    weights: np.ndarray
    losses: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        before, after = self.losses[0], self.losses[-1]
        if len(self.losses) == 1:
            return f"no step lowered the leave-one-out error of {before:.4f}; all weights stay 1"
        taken = len(self.losses) - 1
        return (
            f"{taken} step{'s' * (taken != 1)}: leave-one-out error {before:.4f} -> {after:.4f}; "
            f"{int((self.weights == 0).sum())} of {len(self.weights)} samples have weight 0"
        )


def reweight(
    pool: WeightedPool, *, steps: int = STEPS, counts: np.ndarray | None = None, start: np.ndarray | None = None
) -> Reweighting:
    """Take up to three steps against the derivative of the leave-one-out error.

    A step changes the weights by 0.1 in the root mean square and is halved until the error decreases; if it never
    does, the search ends. Weights are clipped at zero. The few short steps are the regularization: with as many
    weights as samples any error could be reached. Steps ten times as long halved the leave-one-out error of 100 core
    images and raised the test error on Fashion-MNIST.

    Source: Dukler et al. 2022 (DIVA), sec. 4; the step length is our choice.

    Args:
        pool: the samples.
        steps: maximum number of steps.
        counts: (n,) >= 0, weight of each sample's own error in the mean, without a core; equal if None.
        start: (n,) >= 0, weights to start from, 1 if None; a weight of 0 stays 0.

    Raises:
        InvalidOptionError: steps < 1.
    """
    if steps < 1:
        raise InvalidOptionError(f"reweight needs at least 1 step, got {steps}")
    weights = np.ones(len(pool))
    start = weights if start is None else start
    pool = pool.tune(start)  # once: errors at different penalties would not be comparable
    result = pool.derivative(start, counts)
    losses = [result.loss]
    for _ in range(steps):
        slope = start * result.gradient
        unit = float(np.sqrt((slope[start > 0] ** 2).mean()))
        if unit == 0:
            break
        for halving in range(_HALVINGS):
            moved = np.maximum(weights - LENGTH / 2**halving * slope / unit, 0.0)
            trial = pool.derivative(start * moved, counts) if np.count_nonzero(start * moved) > 1 else None
            if trial is not None and trial.loss < result.loss:
                break
        else:
            break
        weights, result = moved, trial
        losses.append(result.loss)
    return Reweighting(weights, tuple(losses))
