"""Reweight: a few steps down the derivative, as long as the leave-one-out error falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.curation.weighted_pool import Pool
from geosearch.errors import InvalidOptionError

STEPS = 3
LENGTH = 0.1  # of a step, in root mean squares of the derivative
_HALVINGS = 6


@dataclass(frozen=True, eq=False)
class Reweighting:
    """Weights of the samples, and what they gained.

    Attributes:
        weights: (n,) >= 0, in those that the samples had.
        losses: leave-one-out error before the first step and after each.
    """

    weights: np.ndarray
    losses: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """How it ended."""
        before, after = self.losses[0], self.losses[-1]
        if len(self.losses) == 1:
            return f"no step lowered the leave-one-out error of {before:.4f}; all weights stay 1"
        taken = len(self.losses) - 1
        return (
            f"{taken} step{'s' * (taken != 1)}: leave-one-out error {before:.4f} -> {after:.4f}; "
            f"{int((self.weights == 0).sum())} of {len(self.weights)} samples have weight 0"
        )


def reweight(
    pool: Pool, *, steps: int = STEPS, counts: np.ndarray | None = None, start: np.ndarray | None = None
) -> Reweighting:
    """Move the weights against the derivative, one to three times.

    A step changes weights by 0.1 in the root mean square, and is halved until the leave-one-out error falls;
    where it does not fall at all, that was the last one. Weights end at zero; the loss itself stays unweighted.
    Short steps are the regularisation: with as many weights as samples the error could be brought anywhere. Steps ten
    times as long halved the leave-one-out error of 100 core images and raised the test error on Fashion-MNIST.

    Source: Dukler et al. 2022 (DIVA), sec. 4; the choice of the length is ours.

    Args:
        pool: the samples.
        steps: at most.
        counts: (n,) how much each sample's error counts where there is no core, e.g. 0 for suspects.
        start: (n,) weights to start from, 1 unless told; what is found are multiples of these, so 0 remains 0.

    Raises:
        InvalidOptionError: steps < 1.
    """
    if steps < 1:
        raise InvalidOptionError(f"reweight needs at least 1 step, got {steps}")
    weights = np.ones(len(pool))
    start = weights if start is None else start
    found = pool.derivative(start, counts)
    losses = [found.loss]
    for _ in range(steps):
        slope = start * found.gradient
        unit = float(np.sqrt((slope[start > 0] ** 2).mean()))
        if unit == 0:
            break
        for halving in range(_HALVINGS):
            moved = np.maximum(weights - LENGTH / 2**halving * slope / unit, 0.0)
            trial = pool.derivative(start * moved, counts) if np.count_nonzero(start * moved) > 1 else None
            if trial is not None and trial.loss < found.loss:
                break
        else:
            break
        weights, found = moved, trial
        losses.append(found.loss)
    return Reweighting(weights, tuple(losses))
