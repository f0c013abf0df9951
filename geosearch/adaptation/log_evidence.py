"""LogME: how well features explain labels, without any fitting of a network; larger is better."""

from __future__ import annotations

import numpy as np

from geosearch.errors import InvalidDataError

_STEPS = 200  # of the fixed-point iteration, which converges after a few unless the best penalty is 0 or infinite
_STARTS = np.logspace(-6, 6, 25)  # penalties to start from, in units of the mean squared singular value
_RANGE = 1e-10, 1e10  # penalties are kept in it, in the same units
_TOLERANCE = 1e-8


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """Logarithm of the maximum evidence of Bayesian linear regression of labels on features, per sample.

    For the one-hot column y of each class, y = F w + noise with w ~ N(0, I / alpha) and noise ~ N(0, I / beta). The
    evidence p(y | F, alpha, beta) is maximized over alpha and beta; the mean of log p / n over the classes that occur
    is returned. Networks are compared by it without training their heads, e.g. networks of single sources by their
    features of the shots.

    With the penalty t = alpha / beta, singular values s of F and x = U^T y, the best noise is 1 / beta = q / n with
    q = sum_i x_i^2 t / (t + s_i^2) + |y - U x|^2, and

        log p / n = -1/2 (log(2 pi) + 1 + log(q / n) + mean_n log(1 + s_i^2 / t)).

    From the best t of a grid, the fixed-point iteration alpha = g / |w|^2, beta = (n - g) / |y - F w|^2 with
    g = sum_i s_i^2 / (s_i^2 + t) follows. Rotating or scaling the features, or appending zeros to them, changes
    nothing. Source: You et al. 2021 (LogME).

    Args:
        features: (n, d).
        labels: int (n,).

    Returns:
        Natural logarithm per sample.

    Raises:
        InvalidDataError: shapes that do not match, no samples, NaN or infinite features.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(60) % 3
        >>> noise = rng.normal(size=(60, 5))
        >>> logme(noise + np.eye(3, 5)[labels] * 4, labels) > logme(noise, labels)
        True
    """
    f, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if f.ndim != 2 or labels.shape != f.shape[:1] or not f.size:
        raise InvalidDataError(f"expected features (n, d) with labels (n,), got shapes {f.shape} and {labels.shape}")
    if not np.isfinite(f).all():
        raise InvalidDataError("features hold NaN or infinite values; clean them first")
    n = len(f)
    y = (labels[:, None] == np.unique(labels)).astype(np.float64)  # (n, c)
    left, singular, _ = np.linalg.svd(f, full_matrices=False)
    spectrum, x2 = singular**2, (left.T @ y) ** 2  # (k,), (k, c)
    outside = np.maximum((y**2).sum(0) - x2.sum(0), 0.0) if len(spectrum) < n else np.zeros(y.shape[1])
    unit = float(spectrum.mean()) or 1.0

    def evidence(t: np.ndarray) -> np.ndarray:
        """log p / n of each class at penalties (c,) or (g, c): of the same shape."""
        ratio = spectrum[:, None] / t[..., None, :]  # (..., k, c)
        q = (x2 / (1 + ratio)).sum(-2) + outside
        return np.asarray(-0.5 * (np.log(2 * np.pi) + 1 + np.log(q / n) + np.log1p(ratio).sum(-2) / n))

    grid = np.tile(unit * _STARTS[:, None], y.shape[1])  # (g, c)
    t = np.take_along_axis(grid, evidence(grid).argmax(0)[None], axis=0)[0]
    best = evidence(t)
    for _ in range(_STEPS):
        shrink = spectrum[:, None] / (spectrum[:, None] + t)  # (k, c)
        g = shrink.sum(0)
        w2 = (x2 * shrink / (spectrum[:, None] + t)).sum(0)
        noise = (x2 * (1 - shrink) ** 2).sum(0) + outside
        moved = np.divide(g * noise, (n - g) * w2, out=np.full_like(t, np.inf), where=(n - g) * w2 > 0)
        moved = np.clip(moved, unit * _RANGE[0], unit * _RANGE[1])
        change = np.abs(np.log(moved / t)).max()
        t, best = moved, np.maximum(best, evidence(moved))
        if change < _TOLERANCE:
            break
    return float(best.mean())
