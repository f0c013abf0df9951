"""Content: which points span the simplex of greatest hypervolume, chosen one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import lgamma

import numpy as np

_FLAT = 1e-12  # height, relative to the longest edge squared, below which a point adds nothing


@dataclass(frozen=True, eq=False)
class Simplex:
    """Points in the order in which they were chosen.

    Attributes:
        points: (k,) row numbers.
        heights: (k - 1,) distance of each further point from the affine span of those before it.
    """

    points: np.ndarray
    heights: np.ndarray

    @cached_property
    def log_content(self) -> float:
        """log of the (k - 1)-dimensional hypervolume: V_k = V_(k-1) * height / (k - 1), V_1 = 1 (a point)."""
        return float(np.log(self.heights).sum() - lgamma(len(self.heights) + 1))

    @property
    def content(self) -> float:
        return float(np.exp(self.log_content))


def greedy_simplex(squared: np.ndarray, count: int) -> Simplex:
    """Start with the two points that are farthest apart; then always add the one that adds most content.

    The next vertex is the point farthest from the affine span of those chosen: the pivot of a Cholesky
    decomposition of the Gram matrix centred on the first point, G_ij = (D_0i + D_0j - D_ij) / 2. So k points among n
    cost O(n k^2), and no determinant is ever computed; that the contents are those of the Cayley-Menger determinant
    is tested. Source of the greedy content: Kender et al. 2022; the decomposition instead of determinants is ours.

    Args:
        squared: (n, n) squared distances, of a metric that embeds in Euclidean space.
        count: points wanted, at least 1.

    Returns:
        A simplex of fewer points when the others lie in its span (equal points, more points than dimensions).
    """
    first, second = np.unravel_index(int(squared.argmax()), squared.shape)
    base = squared[first].astype(np.float64)
    smallest = _FLAT * max(float(base.max()), np.finfo(np.float64).tiny)
    residual = base.copy()  # (n,) squared distance from the span
    factor = np.empty((0, len(squared)))  # rows of the Cholesky factor
    points, heights = [int(first)], []
    while len(points) < min(count, len(squared)):
        pivot = int(second) if len(points) == 1 else int(residual.argmax())
        if residual[pivot] <= smallest:
            break
        height = np.sqrt(residual[pivot])
        row = ((base + base[pivot] - squared[pivot]) / 2 - factor[:, pivot] @ factor) / height
        factor = np.vstack([factor, row])
        residual = np.maximum(residual - row**2, 0)
        points.append(pivot)
        heights.append(height)
        residual[points] = 0.0  # rounding must not bring a point back
    return Simplex(np.array(points), np.array(heights))
