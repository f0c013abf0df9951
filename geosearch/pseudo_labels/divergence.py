"""Jensen-Shannon divergence between images, whose features are read as probability distributions."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from geosearch.errors import DomainMismatchError, InvalidDataError

MAX_DIVERGENCE = 1.0  # bits; that of distributions with disjoint supports
_NATS = np.log(2.0)


def feature_distributions(features: np.ndarray) -> np.ndarray:
    """Turn each row of features into a distribution over 2 d bins.

    The bins hold the positive and the negative parts of the features, divided by the row's L1 norm. Non-negative
    features (pixels, ReLU networks) are simply normalized. A row of zeros becomes the uniform distribution. This
    construction is ours.

    Args:
        features: (n, d), finite.

    Returns:
        float64 (n, 2 d), rows that sum to 1.

    Raises:
        InvalidDataError: features of another shape, NaN or infinite.
    """
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2 or not rows.size:
        raise InvalidDataError(f"expected features of shape (n, d), got {rows.shape}")
    if not np.isfinite(rows).all():
        raise InvalidDataError("features hold NaN or infinite values; clean the images or choose another embedding")
    parts = np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], axis=1)  # (n, 2 d)
    norms = parts.sum(1, keepdims=True)
    return np.where(norms > 0, parts / np.where(norms > 0, norms, 1), 1 / parts.shape[1])


def mean_distribution(features: np.ndarray) -> np.ndarray:
    """The mean of the distributions of all rows: features (n, d) -> float64 (2 d,)."""
    return feature_distributions(features).mean(0)


def jensen_shannon_divergences(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergences H((p + q) / 2) - (H(p) + H(q)) / 2 in bits, in [0, 1].

    Their square root is a metric that embeds isometrically in Euclidean space, so simplices of distributions have a
    hypervolume. Source: Endres & Schindelin 2003 (metric); Fuglede & Topsøe 2004 (embedding).

    Args:
        p: (n, k), rows that sum to 1.
        q: (m, k), rows that sum to 1.

    Returns:
        float64 (n, m).

    Raises:
        DomainMismatchError: distributions over different numbers of bins.
    """
    if p.shape[1] != q.shape[1]:
        raise DomainMismatchError(
            f"distributions over {p.shape[1]} and over {q.shape[1]} bins cannot be compared; use one embedding for all"
        )
    roots = np.nan_to_num(cdist(p, q, "jensenshannon"), nan=0.0)  # SciPy: NaN where rounding makes a sum negative
    return np.minimum(roots**2 / _NATS, MAX_DIVERGENCE)
