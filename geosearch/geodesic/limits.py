"""Limits: floors and caps on sources and groups of sources, and how many a mixture may have. Pure NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from geosearch.errors import InvalidOption
from geosearch.geodesic.simplex import Weights

_HALVINGS = 48  # of the two bisections: an interval of length 4 ends near 1e-14
_SLACK = 1e-8  # what rounding may cost


@dataclass(frozen=True)
class Limits:
    """Which mixtures are allowed. A cap leaves a source free to be left out, a floor does not.

    Attributes:
        floors: (m,) least weight of each source.
        caps: (m,) largest weight of each source.
        groups: sources (numbers, each in one group at most) and the largest weight of all of them together.
        most: largest number of sources in a mixture; m if there is no limit.
    """

    floors: tuple[float, ...]
    caps: tuple[float, ...]
    groups: tuple[tuple[tuple[int, ...], float], ...] = ()
    most: int | None = None

    def __post_init__(self) -> None:
        if any(not 0 <= low <= high <= 1 for low, high in zip(self.floors, self.caps, strict=True)):
            raise InvalidOption(
                f"limits need 0 <= floor <= cap <= 1 for every source, got floors {self.floors} and caps {self.caps}"
            )
        grouped = [i for members, _ in self.groups for i in members]
        if len(set(grouped)) != len(grouped):
            raise InvalidOption("a source may be in one group of the limits only")
        if self.most is not None and self.most < max(1, sum(low > 0 for low in self.floors)):
            raise InvalidOption(f"limits ask for floors of more sources than the {self.most} that a mixture may have")
        if not self._supports(np.ones(len(self.floors))):
            raise InvalidOption(
                "no mixture keeps to the limits: the floors sum to more than 1 or more than a group's cap, or the caps "
                "to less than 1; widen them"
            )

    @property
    def m(self) -> int:
        return len(self.floors)

    def allows(self, weights: Weights) -> bool:
        """Whether a mixture keeps to all limits, within rounding."""
        a = weights.array
        return bool(
            (a >= np.array(self.floors) - _SLACK).all()
            and (a <= np.array(self.caps) + _SLACK).all()
            and all(a[list(members)].sum() <= cap + _SLACK for members, cap in self.groups)
            and (self.most is None or len(weights.support) <= self.most)
        )

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """The allowed weights nearest to given ones, exact zeros included: (..., m) on the simplex -> (..., m).

        The sources that stay are those of greatest weight that can carry a mixture; on them the Euclidean
        projection. By its conditions of optimality a_i = clip(v_i - t - u_g, floor_i, cap_i), with u_g >= 0 just so
        large that group g keeps to its cap, and t such that all weights sum to 1: two nested bisections.
        """
        values = np.asarray(values, dtype=float)
        rows = values.reshape(-1, self.m)  # (k, m)
        stays = np.ones(rows.shape, dtype=bool)
        if self.most is not None and self.most < self.m:
            stays[:] = False
            for row, kept in zip(rows, stays, strict=True):
                kept[list(self._supports(row)[0])] = True
        low, high = np.broadcast_to(self.floors, rows.shape), np.where(stays, self.caps, 0.0)
        shift = _bisected(lambda t: self._at(rows - t, low, high).sum(1) > 1, len(rows), -2.0)
        found = self._at(rows - shift, low, high)
        return np.asarray(found / found.sum(1, keepdims=True)).reshape(values.shape)

    def _at(self, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Box and groups' caps kept, the sum left as it comes: (k, m) -> (k, m)."""
        a = np.clip(values, low, high)
        for members, cap in self.groups:
            some = np.array(members)
            over = np.flatnonzero(a[:, some].sum(1) > cap)
            if len(over):
                place = np.ix_(over, some)
                a[place] = _lowered(values[place], low[place], high[place], cap)
        return a

    def _supports(self, values: np.ndarray) -> list[tuple[int, ...]]:
        """The first set of sources that can carry a mixture, those of greatest total weight first; empty if none."""
        every = range(self.m)
        if self.most is None or self.most >= self.m:
            return [tuple(every)] if self._carries(every) else []
        needed = {i for i in every if self.floors[i] > 0}
        sets = [chosen for chosen in combinations(every, self.most) if needed <= set(chosen)]
        for chosen in sorted(sets, key=lambda one: -float(values[list(one)].sum())):
            if self._carries(chosen):
                return [chosen]
        return []

    def _carries(self, chosen: range | tuple[int, ...]) -> bool:
        """Whether weights on these sources alone can keep to floors and caps and sum to 1."""
        least, room = sum(self.floors), 0.0
        free = set(chosen)
        for members, cap in self.groups:
            inside = free & set(members)
            if sum(self.floors[i] for i in members) > cap + _SLACK:
                return False
            room += min(cap, sum(self.caps[i] for i in inside))
            free -= inside
        return least <= 1 + _SLACK and room + sum(self.caps[i] for i in free) >= 1 - _SLACK


def _lowered(values: np.ndarray, low: np.ndarray, high: np.ndarray, total: float) -> np.ndarray:
    """clip(values - u, low, high) with the u >= 0 of each row at which it sums to `total`: (k, g) -> (k, g)."""
    shift = _bisected(lambda u: np.clip(values - u, low, high).sum(1) > total, len(values), 0.0)
    return np.clip(values - shift, low, high)


def _bisected(too_much: Callable[[np.ndarray], np.ndarray], count: int, start: float) -> np.ndarray:
    """(count, 1): the least shifts, from `start` up to 4 more, at which it is no longer too much."""
    below, above = np.full((count, 1), start), np.full((count, 1), start + 4.0)
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        more = too_much(middle)[:, None]
        below, above = np.where(more, middle, below), np.where(more, above, middle)
    return above
