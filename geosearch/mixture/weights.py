"""Weights on the simplex, and bijections between the cube (what samplers see) and the simplex. Pure NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch.errors import InvalidWeightsError

PAIRINGS = ("transport", "random")
_UNITS = 1e9  # weights are whole numbers of these parts, so that equal mixtures are named alike


@dataclass(frozen=True)
class Weights:
    """A point of the search space: how much of each source, how widely spread, how paired.

    Attributes:
        values: m numbers >= 0 with sum 1.
        concentration: k of the Dirichlet(k * values) drawn per image. inf: every image is mixed with
            `values` itself (the point on the generalized geodesic); 0: every image comes from one
            source (the pooled union in these proportions); between: a cloud in the hull.
        pairing: "transport" mixes the images that the plans pair; "random" mixes random images (Mixup).
    """

    values: tuple[float, ...]
    concentration: float = math.inf
    pairing: str = "transport"

    @classmethod
    def of(
        cls,
        values: Sequence[float] | np.ndarray,
        concentration: float = math.inf,
        pairing: str = "transport",
    ) -> Weights:
        """Check, normalise to exactly one, and name equal mixtures alike.

        Raises:
            InvalidWeightsError: negative or non-finite entries, a sum that is not one (tolerance 1e-6),
                a negative concentration, an unknown pairing.
        """
        array = np.asarray(values, dtype=float)
        if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
            raise InvalidWeightsError(f"expected a list of finite numbers, one per source, got {values!r}")
        if array.min() < 0:
            raise InvalidWeightsError(f"weights must not be negative, got {array.tolist()}")
        if abs(array.sum() - 1) > 1e-6:
            raise InvalidWeightsError(f"weights must sum to 1, got {array.tolist()} with sum {array.sum():.6g}")
        if not concentration >= 0:
            raise InvalidWeightsError(f"concentration must be in [0, inf], got {concentration}")
        if pairing not in PAIRINGS:
            raise InvalidWeightsError(f"pairing must be one of {', '.join(PAIRINGS)}, got {pairing!r}")
        units = np.rint(array / array.sum() * _UNITS)
        units[units.argmax()] += _UNITS - units.sum()
        array = units / _UNITS
        if array.max() == 1:  # one source alone: neither the spread nor the pairing means anything
            concentration, pairing = math.inf, "transport"
        if concentration == 0:  # one source per image: nothing is paired
            pairing = "transport"
        return cls(tuple(map(float, array)), float(concentration), pairing)

    @classmethod
    def single(cls, i: int, m: int) -> Weights:
        """All weight on source i of m."""
        return cls(tuple(float(i == j) for j in range(m)))

    @classmethod
    def uniform(cls, m: int) -> Weights:
        return cls.of((1 / m,) * m)

    @classmethod
    def pooled(cls, sizes: Sequence[int]) -> Weights:
        """The union of the sources: each in proportion to its size, unmixed."""
        return cls.of(np.asarray(sizes, dtype=float) / np.sum(sizes), concentration=0.0)

    @property
    def array(self) -> np.ndarray:
        """(m,) float64"""
        return np.array(self.values)

    @property
    def support(self) -> tuple[int, ...]:
        """The sources with weight above zero."""
        return tuple(i for i, value in enumerate(self.values) if value > 0)


class SimplexMap(Protocol):
    """A map from the unit cube onto the simplex with a right inverse; every one passes the same laws."""

    def dimensions(self, m: int) -> int:
        """Number of cube coordinates for m weights."""

    def to_simplex(self, cube: np.ndarray) -> np.ndarray:
        """(..., dimensions(m)) in [0, 1] -> (..., m) on the simplex."""

    def from_simplex(self, weights: np.ndarray) -> np.ndarray:
        """(..., m) -> (..., dimensions(m)) with to_simplex(from_simplex(a)) == a."""


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


@dataclass(frozen=True)
class Normalised:
    """m coordinates, weights proportional to -log u: permutation-symmetric, uniform on the simplex, many-to-one.

    Source: Devroye 1986, ch. XI.4 (normalised exponentials are Dirichlet(1, ..., 1)).
    """

    def dimensions(self, m: int) -> int:
        return m

    def to_simplex(self, cube: np.ndarray) -> np.ndarray:
        lengths = -np.log(np.clip(np.asarray(cube, dtype=float), 1e-300, 1))
        total = lengths.sum(axis=-1, keepdims=True)
        equal = np.full_like(lengths, 1 / lengths.shape[-1])
        return np.divide(lengths, total, out=equal, where=total > 0)

    def from_simplex(self, weights: np.ndarray) -> np.ndarray:
        return np.exp(-np.asarray(weights, dtype=float))


def spread_of(concentration: float) -> float:
    """[0, inf] -> [0, 1]: the search coordinate of a concentration; 0 is pooled, 1 the geodesic point."""
    return 1.0 if math.isinf(concentration) else concentration / (concentration + 2)


def concentration_of(spread: float) -> float:
    """Inverse of `spread_of` up to 2,000, beyond which a cloud is the geodesic point; the middle is 2."""
    return math.inf if spread >= 0.999 else 2 * spread / (1 - spread)
