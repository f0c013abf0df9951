"""Limits: bounds on the weights of sources and groups of sources, and on the number of sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geosearch.errors import InvalidOptionError
from geosearch.mixture.supports import Supports
from geosearch.mixture.weights import Weights

_STEPS = 200  # a quarter of them halve an interval of length 4, which shrinks to about 1e-14
_PRECISION = 1e-14  # of sums of weights
_SLACK = 1e-8  # tolerance for rounding


@dataclass(frozen=True)
class Limits:
    """Linear constraints on mixtures. A source with a cap may be left out, one with a positive floor may not.

    Attributes:
        floors: (m,) least weight of each source.
        caps: (m,) largest weight of each source.
        groups: sources (numbers, each in one group at most) and the largest weight of all of them together.
        most: largest number of sources in a mixture; None for no limit.

    Raises:
        InvalidOptionError: bounds out of range, a source in two groups, or no mixture satisfies all limits.

    Example:
        >>> import numpy as np
        >>> from geosearch.mixture import Limits
        >>> limits = Limits(floors=(0.1, 0.0, 0.0), caps=(1.0, 0.5, 0.5))
        >>> limits.nearest(np.array([0.0, 0.8, 0.2])).round(2).tolist()
        [0.15, 0.5, 0.35]
    """

    floors: tuple[float, ...]
    caps: tuple[float, ...]
    groups: tuple[tuple[tuple[int, ...], float], ...] = ()
    most: int | None = None

    def __post_init__(self) -> None:
        if any(not 0 <= low <= high <= 1 for low, high in zip(self.floors, self.caps, strict=True)):
            raise InvalidOptionError(
                f"limits need 0 <= floor <= cap <= 1 for every source, got floors {self.floors} and caps {self.caps}"
            )
        grouped = [i for members, _ in self.groups for i in members]
        if len(set(grouped)) != len(grouped):
            raise InvalidOptionError("a source may be in one group of the limits only")
        if self.most is not None and self.most < max(1, sum(low > 0 for low in self.floors)):
            raise InvalidOptionError(
                f"limits ask for floors of more sources than the {self.most} that a mixture may have"
            )
        if not self._supports.is_feasible:
            raise InvalidOptionError(
                "no mixture satisfies the limits: the floors sum to more than 1 or more than a group's cap, or the "
                "caps to less than 1; widen them"
            )

    @property
    def m(self) -> int:
        return len(self.floors)

    def allows(self, weights: Weights) -> bool:
        """Whether a mixture satisfies all limits, up to rounding."""
        a = weights.array
        return bool(
            (a >= np.array(self.floors) - _SLACK).all()
            and (a <= np.array(self.caps) + _SLACK).all()
            and all(a[list(members)].sum() <= cap + _SLACK for members, cap in self.groups)
            and (self.most is None or len(weights.support) <= self.most)
        )

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """The nearest allowed weights, with exact zeros: (..., m) on the simplex -> (..., m).

        If the number of sources is limited, those of greatest weight that admit a mixture remain (see `Supports`); on
        them this is the Euclidean projection. Without groups, and if all sources without a floor have the same cap, no
        other set of sources has a nearer mixture (Kyrillidis et al. 2013, for the simplex).

        By its optimality conditions a_i = clip(v_i - t, floor_i, cap_i) with a common t, except in groups at their
        cap, each of which has its own t. A group at its cap stays there, since the weight it gives up only raises the
        others; so active groups are found one pass after the other.
        """
        values = np.asarray(values, dtype=float)
        rows = values.reshape(-1, self.m)  # (k, m)
        stays = np.ones(rows.shape, dtype=bool)
        if self.most is not None and self.most < self.m:
            stays = self._supports.heaviest(rows)
        low, high = np.broadcast_to(self.floors, rows.shape), np.where(stays, self.caps, 0.0)
        full = np.zeros((len(rows), len(self.groups)), dtype=bool)  # groups at their cap
        found = self._project(rows, low, high, full)
        for _ in self.groups:
            sums = np.stack([found[:, list(members)].sum(1) for members, _ in self.groups], axis=1)  # (k, g)
            over = sums > np.array([cap for _, cap in self.groups]) + _SLACK / 10
            if not (over & ~full).any():
                break
            full |= over
            found = self._project(rows, low, high, full)
        return np.asarray(found / found.sum(1, keepdims=True)).reshape(values.shape)

    def _project(self, values: np.ndarray, low: np.ndarray, high: np.ndarray, full: np.ndarray) -> np.ndarray:
        """Projections in which the groups marked `full` (k, g) have their caps as weights, and the others the rest."""
        found = np.zeros_like(values)
        free, left = np.ones(values.shape, dtype=bool), np.ones(len(values))
        for (members, cap), marked in zip(self.groups, full.T, strict=True):
            if marked.any():
                place = np.ix_(np.flatnonzero(marked), np.array(members))
                found[place] = _clip_to_total(values[place], low[place], high[place], np.full(int(marked.sum()), cap))
                free[place] = False
                left[marked] -= cap
        rest = _clip_to_total(values, np.where(free, low, 0.0), np.where(free, high, 0.0), left)
        return found + rest

    @cached_property
    def _supports(self) -> Supports:
        most = self.m if self.most is None else min(self.most, self.m)
        return Supports(self.floors, self.caps, self.groups, most)


def _clip_to_total(values: np.ndarray, low: np.ndarray, high: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """clip(values - t, low, high) with the t of each row at which it sums to its total: (k, d), (k,) -> (k, d).

    The sum is piecewise linear in t, so Newton's method ends on the right piece after a few steps; every fourth step
    halves the interval of t instead, as do steps that would leave it.
    """
    below, above = np.full((len(values), 1), -2.0), np.full((len(values), 1), 2.0)
    shift, totals = np.zeros((len(values), 1)), totals[:, None]
    for step in range(_STEPS):
        moved = values - shift
        found = np.clip(moved, low, high)
        excess = found.sum(1, keepdims=True) - totals
        if (np.abs(excess) <= _PRECISION).all():
            break
        below, above = np.where(excess > 0, shift, below), np.where(excess > 0, above, shift)
        inside = ((moved > low) & (moved < high)).sum(1, keepdims=True)
        newton = shift + excess / np.maximum(inside, 1)
        trusted = (inside > 0) & (newton > below) & (newton < above) & (step % 4 < 3)
        shift = np.where(np.abs(excess) <= _PRECISION, shift, np.where(trusted, newton, (below + above) / 2))
    return found
