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
        if array.max() == 1:  # a single source: concentration and pairing have no effect
            concentration, pairing = math.inf, "transport"
        if concentration == 0:  # one source per image: pairing has no effect
            pairing = "transport"
        return cls(tuple(map(float, array)), float(concentration), pairing)

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


def to_unit_concentration(concentration: float) -> float:
    """[0, inf] -> [0, 1]: the search coordinate of a concentration; 0 is pooled, 1 the geodesic point."""
    return 1.0 if math.isinf(concentration) else concentration / (concentration + 2)


def from_unit_concentration(spread: float) -> float:
    """Inverse of `to_unit_concentration` up to 2,000, beyond which a cloud is the geodesic point; the middle is 2."""
    return math.inf if spread >= 0.999 else 2 * spread / (1 - spread)
