"""StickBreaking: a bijection between the unit cube, which samplers search, and the simplex of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_TINY = 1e-250  # coordinates below it are logarithmic
_LOG_TINY = float(np.log(_TINY))


@dataclass(frozen=True)
class StickBreaking:
    """Stick-breaking: weight i takes the fraction 1 - u_i^(1 / (m - 1 - i)) of the rest left by weights 0..i-1.

    It is one-to-one inside the simplex and maps the uniform distribution on the cube to the uniform distribution
    Dirichlet(1, ..., 1) on the simplex, whose fractions are Beta(1, m - 1 - i). The rest is raised to a power instead
    of the fraction: with many sources, fractions near one could not be told apart in floating point.

    With more than a hundred sources such a power underflows: a weight of 0.9 of 400 leaves 0.1, whose coordinate would
    be 0.1^399. So a coordinate u below e = 1e-250 stands as e / (1 + log(e / u)), which joins u smoothly at e and is
    computed in logarithms. The distribution changes on a set of probability 1e-250.
    Source: Betancourt 2012 (the bijection), Devroye 1986, ch. XI.4 (the distribution).

    Example:
        >>> import numpy as np
        >>> from geosearch.mixture import StickBreaking
        >>> weights = StickBreaking().to_simplex(np.array([0.49, 0.5]))
        >>> weights.round(2).tolist()
        [0.3, 0.35, 0.35]
        >>> StickBreaking().from_simplex(weights).round(2).tolist()
        [0.49, 0.5]
    """

    def dimensions(self, m: int) -> int:
        """The number of cube coordinates of m weights."""
        return m - 1

    def to_simplex(self, cube: np.ndarray) -> np.ndarray:
        """(..., m - 1) in [0, 1] -> (..., m) on the simplex."""
        cube = np.asarray(cube, dtype=float)
        powers = 1 / np.arange(cube.shape[-1], 0, -1)
        logs = _LOG_TINY + 1 - np.divide(_TINY, cube, out=np.full_like(cube, np.inf), where=cube > 0)
        rest = np.where(cube >= _TINY, cube**powers, np.exp(logs * powers))
        left = np.cumprod(rest, axis=-1)  # (..., m-1): what is left after each break
        edges = np.concatenate([np.ones((*cube.shape[:-1], 1)), left, np.zeros((*cube.shape[:-1], 1))], axis=-1)
        return edges[..., :-1] - edges[..., 1:]

    def from_simplex(self, weights: np.ndarray) -> np.ndarray:
        """(..., m) on the simplex -> (..., m - 1), a right inverse of `to_simplex`."""
        weights = np.asarray(weights, dtype=float)
        tails = np.cumsum(weights[..., ::-1], axis=-1)[..., ::-1]  # (..., m): weight from i onwards
        rest = np.divide(tails[..., 1:], tails[..., :-1], out=np.ones_like(tails[..., 1:]), where=tails[..., :-1] > 0)
        powers = np.arange(weights.shape[-1] - 1, 0, -1)
        rest = np.clip(rest, 0, 1)
        logs = np.log(rest, out=np.full_like(rest, -np.inf), where=rest > 0) * powers
        return np.where(logs >= _LOG_TINY, rest**powers, _TINY / (1 + np.maximum(_LOG_TINY - logs, 0)))
