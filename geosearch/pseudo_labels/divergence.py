"""Divergence: features as distributions, and the square root of the Jensen-Shannon divergence between them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from geosearch.errors import DomainMismatchError, InvalidDataError

LARGEST_BITS = 1.0  # of the divergence: that of distributions that share no support
_NATS = np.log(2.0)


def distributions(features: np.ndarray) -> np.ndarray:
    """Each row as a distribution over 2 d bins: the positive and the negative parts of its features, over their sum.

    Features of an embedding have signs, a distribution has none: so each feature gets a bin for either sign, and
    |x|_1 is the whole. Nothing is to be tuned in it, and non-negative features (pixels, rectified networks) are
    simply normalised. A row of zeros is the uniform distribution. This step is ours.

    Args:
        features: (n, d), finite.

    Returns:
        float64 (n, 2 d), rows that sum to 1.
    """
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2 or not rows.size:
        raise InvalidDataError(f"expected features of shape (n, d), got {rows.shape}")
    if not np.isfinite(rows).all():
        raise InvalidDataError("features hold NaN or infinite values; clean the images or take another embedding")
    parts = np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], axis=1)  # (n, 2 d)
    whole = parts.sum(1, keepdims=True)
    return np.where(whole > 0, parts / np.where(whole > 0, whole, 1), 1 / parts.shape[1])


def mean_distribution(features: np.ndarray) -> np.ndarray:
    """What a set of images is as one distribution: the mean of its images' distributions; (n, d) -> (2 d,)"""
    return distributions(features).mean(0)


def squared_distances(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergences in bits, in [0, 1]: H((p + q) / 2) - (H(p) + H(q)) / 2.

    Their square root is a metric that embeds in Euclidean space, so that the points it describes span simplices
    with a content. Source: Endres & Schindelin 2003 (metric); Fuglede & Topsøe 2004 (embedding).

    Args:
        p, q: (n, k) and (m, k), rows that sum to 1.

    Returns:
        float64 (n, m).
    """
    if p.shape[1] != q.shape[1]:
        raise DomainMismatchError(
            f"distributions over {p.shape[1]} and over {q.shape[1]} bins cannot be compared; use one embedding for all"
        )
    roots = np.nan_to_num(
        cdist(p, q, "jensenshannon"), nan=0.0
    )  # NaN: SciPy's root of a sum that rounding made negative
    return np.minimum(roots**2 / _NATS, LARGEST_BITS)


def divergence(source: np.ndarray, target: np.ndarray) -> float:
    """Jensen-Shannon divergence in bits between two sets of images, by their features (n, d) and (p, d)."""
    return float(squared_distances(mean_distribution(source)[None], mean_distribution(target)[None])[0, 0])
