"""Weights: a point of the search space, with its concentration and pairing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.errors import InvalidWeightsError

PAIRINGS = ("transport", "random")
_UNITS = 1e9  # weights are multiples of 1 / _UNITS, so that equal mixtures have equal weights


@dataclass(frozen=True)
class Weights:
    """A point of the search space: the weight of each source, the concentration and the pairing.

    Attributes:
        values: m numbers >= 0 with sum 1.
        concentration: k of the distribution Dirichlet(k * values) of the weights of an image. At inf every image is
            mixed with `values` (the point on the generalized geodesic), at 0 it comes from a single source (the
            pooled union in these proportions); in between images are spread over the hull.
        pairing: "transport" mixes images that the transport maps pair; "random" mixes random images (Mixup).

    Example:
        >>> from geosearch import Weights
        >>> Weights.of([0.5, 0.5, 0.0], concentration=2.0).support
        (0, 1)
        >>> Weights.pooled([3000, 1000]).values
        (0.75, 0.25)
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
        """Check and normalize weights; equal mixtures become equal objects.

        Raises:
            InvalidWeightsError: negative or non-finite entries, a sum that is not one (tolerance 1e-6),
                a negative concentration, an unknown pairing.
        """
        array = np.asarray(values, dtype=float)
        if array.ndim != 1:
            raise InvalidWeightsError(f"expected a list of finite numbers, one per source, got {values!r}")
        return cls.of_rows(array[None], [concentration], [pairing])[0]

    @classmethod
    def of_rows(cls, values: np.ndarray, concentrations: Sequence[float], pairings: Sequence[str]) -> list[Weights]:
        """As `of`, of many mixtures at once.

        Args:
            values: (k, m)
            concentrations, pairings: (k,)

        Raises:
            InvalidWeightsError: as `of`.
        """
        _check(values, concentrations, pairings)
        units = np.rint(values / values.sum(1, keepdims=True) * _UNITS)
        rows = np.arange(len(units))
        units[rows, units.argmax(1)] += _UNITS - units.sum(1)
        return [
            cls(tuple(row), *_effective(max(row), float(concentration), pairing))
            for row, concentration, pairing in zip((units / _UNITS).tolist(), concentrations, pairings, strict=True)
        ]

    @classmethod
    def single(cls, i: int, m: int) -> Weights:
        """All weight on source i of m."""
        return cls(tuple(float(i == j) for j in range(m)))

    @classmethod
    def uniform(cls, m: int) -> Weights:
        """Equal weights on m sources."""
        return cls.of((1 / m,) * m)

    @classmethod
    def pooled(cls, sizes: Sequence[int]) -> Weights:
        """The pooled union of sources, in proportion to their sizes."""
        return cls.of(np.asarray(sizes, dtype=float) / np.sum(sizes), concentration=0.0)

    @property
    def array(self) -> np.ndarray:
        """(m,) float64"""
        return np.array(self.values)

    @property
    def support(self) -> tuple[int, ...]:
        """The indices of the sources with positive weight."""
        return tuple(i for i, value in enumerate(self.values) if value > 0)


def _check(values: np.ndarray, concentrations: Sequence[float], pairings: Sequence[str]) -> None:
    """Raise InvalidWeightsError, as `Weights.of`, for one of the rows (k, m)."""
    finite = np.isfinite(values).all(1)
    if values.shape[1] == 0 or not finite.all():
        row = values[finite.argmin()].tolist()
        raise InvalidWeightsError(f"expected a list of finite numbers, one per source, got {row}")
    if (negative := values.min(1) < 0).any():
        raise InvalidWeightsError(f"weights must not be negative, got {values[negative][0].tolist()}")
    sums = values.sum(1)
    if (wrong := abs(sums - 1) > 1e-6).any():
        row, total = values[wrong][0].tolist(), sums[wrong][0]
        raise InvalidWeightsError(f"weights must sum to 1, got {row} with sum {total:.6g}")
    for concentration in concentrations:
        if not concentration >= 0:
            raise InvalidWeightsError(f"concentration must be in [0, inf], got {concentration}")
    for pairing in pairings:
        if pairing not in PAIRINGS:
            raise InvalidWeightsError(f"pairing must be one of {', '.join(PAIRINGS)}, got {pairing!r}")


def _effective(largest: float, concentration: float, pairing: str) -> tuple[float, str]:
    """Concentration and pairing, as far as they have an effect."""
    if largest == 1:  # a single source
        return math.inf, "transport"
    return concentration, "transport" if concentration == 0 else pairing  # at 0, one source per image


def to_unit_concentration(concentration: float) -> float:
    """[0, inf] -> [0, 1]: the search coordinate of a concentration; 0 is pooled, 1 the geodesic point."""
    return 1.0 if math.isinf(concentration) else concentration / (concentration + 2)


def from_unit_concentration(spread: float) -> float:
    """Inverse of `to_unit_concentration` up to 2,000, beyond which a cloud is the geodesic point; the middle is 2."""
    return math.inf if spread >= 0.999 else 2 * spread / (1 - spread)
