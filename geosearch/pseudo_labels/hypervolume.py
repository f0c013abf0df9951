"""Greedy choice of the points that span a simplex of large hypervolume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FLAT = 1e-12  # squared height, relative to the longest edge squared, below which a point adds no volume


@dataclass(frozen=True, eq=False)
class Simplex:
    """Vertices of a simplex in the order in which they were chosen.

    Attributes:
        points: int64 (k,) row numbers of the vertices.
        heights: float64 (k - 1,), distance of each vertex but the first from the affine span of those before it. The
            hypervolume is the product of the heights divided by (k - 1)!.

    Example:
        >>> squared_distances = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 9.0], [4.0, 9.0, 0.0]])
        >>> greedy_simplex(squared_distances, count=3)  # three points on a line
        Simplex(points=array([1, 2]), heights=array([3.]))
    """

    points: np.ndarray
    heights: np.ndarray


def greedy_simplex(squared: np.ndarray, count: int) -> Simplex:
    """Start with the two points that are farthest apart, then add the point that increases the hypervolume most.

    That point is the one farthest from the affine span of those chosen: the pivot of a Cholesky decomposition of the
    Gram matrix centred on the first point, G_ij = (D_0i + D_0j - D_ij) / 2. Choosing k of n points costs O(n k^2),
    without any Cayley-Menger determinant.

    Source: Kender et al. 2022 for the greedy hypervolume; the decomposition in place of determinants is ours.

    Args:
        squared: (n, n) squared distances of a metric that embeds in Euclidean space.
        count: number of points, at least 1.

    Returns:
        A simplex of `count` points; of fewer if the others lie in its affine span.
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
        residual[points] = 0.0  # against rounding: no point is chosen twice
    return Simplex(np.array(points), np.array(heights))
