"""StickBreaking: a bijection between the unit cube, which samplers search, and the simplex of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StickBreaking:
    """Stick-breaking: coordinate i says how much the first i + 1 weights leave of what the first i left.

    One-to-one inside the simplex, and uniform on the cube gives uniform on the simplex: they leave
    u_i^(1 / (m - 1 - i)) of it, since the shares of Dirichlet(1, ..., 1) are Beta(1, m - 1 - i). It is what is left
    that is raised to a power, not the share: among many sources a share near one would be a coordinate too near
    one for a float. Source: Betancourt 2012 (the stick), Devroye 1986, ch. XI.4 (its law).
    """

    def dimensions(self, m: int) -> int:
        return m - 1

    def to_simplex(self, cube: np.ndarray) -> np.ndarray:
        cube = np.asarray(cube, dtype=float)
        powers = 1 / np.arange(cube.shape[-1], 0, -1)
        left = np.cumprod(cube**powers, axis=-1)  # (..., m-1): what is left after each break
        edges = np.concatenate([np.ones((*cube.shape[:-1], 1)), left, np.zeros((*cube.shape[:-1], 1))], axis=-1)
        return edges[..., :-1] - edges[..., 1:]

    def from_simplex(self, weights: np.ndarray) -> np.ndarray:
        weights = np.asarray(weights, dtype=float)
        tails = np.cumsum(weights[..., ::-1], axis=-1)[..., ::-1]  # (..., m): weight from i onwards
        rest = np.divide(tails[..., 1:], tails[..., :-1], out=np.ones_like(tails[..., 1:]), where=tails[..., :-1] > 0)
        powers = np.arange(weights.shape[-1] - 1, 0, -1)
        return np.asarray(np.clip(rest, 0, 1) ** powers)
