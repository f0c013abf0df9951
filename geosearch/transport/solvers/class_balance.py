"""Class balance: class scores rescaled so that the classes have given frequencies."""

from __future__ import annotations

import numpy as np

_LEAST = 1e-9  # smallest score, so that no class is excluded


def class_factors(scores: np.ndarray, balance: float) -> np.ndarray:
    """Factors for the scores of the classes that balance the class frequencies over all images.

    A classifier trained on few labels predicts some classes too often. The factors are the column scaling of the
    plan between images and classes whose cost is minus the log score: entropic transport, regularization 1. Source:
    Tai, Bailis & Valiant 2021 (Sinkhorn label allocation), by POT.

    Args:
        scores: of every class for every image, (n, c), not negative.
        balance: in [0, 1]; the share asked for a class is its mean score to the power 1 - balance, normalised: 0 leaves
            it as it is, 1 makes all equal.

    Returns:
        float64 (c,), with mean 1; ones if balance is 0.
    """
    import ot

    n, c = scores.shape
    if not balance or not n:
        return np.ones(c)
    positive = scores.astype(np.float64) + _LEAST
    positive /= positive.sum(1, keepdims=True)
    shares = positive.mean(0) ** (1 - balance)
    rows, columns = np.full(n, 1 / n), shares / shares.sum()
    # Scores are above 1e-10, so that the scaling needs no logarithms.
    _, log = ot.bregman.sinkhorn_knopp(rows, columns, -np.log(positive), 1.0, stopThr=1e-6, warn=False, log=True)
    return np.asarray(log["v"] / log["v"].mean())


def allocate(scores: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Scores (n, c) times factors (c,), each row normalised to sum to one."""
    moved = (scores + _LEAST) * factors
    return np.asarray(moved / moved.sum(1, keepdims=True))
