"""Transport problems whose answer is known in closed form, and the features of classes."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from geosearch.transport.problem import Problem


def cloud(n: int, d: int = 5, *, seed: int = 0) -> np.ndarray:
    """(n, d) float32 normal points with a spread of their own in each direction."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) * np.linspace(0.5, 2, d)).astype(np.float32)


def stretched(n: int, d: int = 5, *, seed: int = 0) -> tuple[Problem, float]:
    """A cloud and its shuffled image under a symmetric positive map: the least cost is that of the map itself.

    A gradient of a convex function is an optimal map (Brenier), so the value is exact for the very sample.
    """
    rng = np.random.default_rng(seed)
    x = cloud(n, d, seed=seed).astype(np.float64)
    root = rng.normal(size=(d, d)) / d
    image = x @ (0.5 * np.eye(d) + root @ root.T) + rng.normal(size=d)
    value = float(np.square(image - x).sum(1).mean())
    return Problem.plain(x.astype(np.float32), image[rng.permutation(n)].astype(np.float32)), value


def labelled(n: int, p: int, d: int = 5, classes: tuple[int, int] = (3, 4), *, seed: int = 0) -> Problem:
    """Two labelled clouds of different sizes with a random label table and label vectors that realise it."""
    rng = np.random.default_rng(seed)
    e, e2 = rng.normal(size=(classes[0], 3)), rng.normal(size=(classes[1], 3))
    table = np.square(e[:, None] - e2[None]).sum(2)
    y, y2 = (rng.permutation(np.arange(size) % c) for size, c in zip((n, p), classes, strict=True))
    x, x2 = cloud(n, d, seed=seed + 1), cloud(p, d, seed=seed + 2) + 0.5
    return Problem(x, y, x2, y2, table, feature_weight=1.5, label_weight=0.7, vectors=(e, e2))


def brute_force(problem: Problem) -> float:
    """The least mean cost over all n! permutations of two small sets of equal size."""
    cost = problem.cost()
    n = len(cost)
    return min(cost[np.arange(n), list(order)].mean() for order in permutations(range(n)))


def class_features(sizes: tuple[int, ...], d: int = 6, *, dtype: type = np.float64, seed: int = 0) -> list[np.ndarray]:
    """One (n_c, d) array per class of these sizes, each with a mean and a covariance of its own."""
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)).astype(dtype) for n in sizes]


def normals(count: int, d: int = 30, *, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Samples of two normal distributions with commuting covariances, whose W2 is known."""
    rng = np.random.default_rng(seed)
    scales, gap = np.geomspace(2, 0.1, d), rng.normal(size=d) * 0.5
    one, other = (rng.normal(size=(count, d)) * scale for scale in (scales, 0.7 * scales))
    return one, other + gap, float(gap @ gap + np.square(0.3 * scales).sum())
