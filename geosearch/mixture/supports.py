"""Supports: which sources take part in a mixture, if their number is limited."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

_SLACK = 1e-8  # tolerance for rounding
_SCALE = 1e6  # factor on the objective of the integer program, far above the solver's absolute gap of 1e-6
_MOST_COUNTS = 20_000  # ways to divide the places among kinds of sources, beyond which each row is solved by itself
_BLOCK = 2**22  # numbers in memory at a time


@dataclass(frozen=True)
class Supports:
    """The sets of `most` sources on which some mixture satisfies all bounds.

    Sources of one group with the same cap are of one kind. Which set is feasible depends on how many sources of each
    kind it has, and the best set with given numbers has the heaviest sources of each kind. So the heaviest feasible set
    is found among all feasible divisions of the places among the kinds, for many rows at once. If there are too many
    divisions, because many sources have caps of their own, an integer linear program is solved for each row whose
    heaviest sources are not feasible.

    Attributes:
        floors, caps: (m,) bounds on the weight of each source that takes part; a source with a floor always does.
        groups: disjoint sets of sources and the largest weight of all of them together.
        most: number of sources in a set, at most m.

    Example:
        >>> supports = Supports((0.0,) * 3, (0.3, 1.0, 1.0), (), 1)
        >>> supports.heaviest(np.array([[0.6, 0.1, 0.3]]))
        array([[False, False,  True]])
    """

    floors: tuple[float, ...]
    caps: tuple[float, ...]
    groups: tuple[tuple[tuple[int, ...], float], ...]
    most: int

    @cached_property
    def is_feasible(self) -> bool:
        """Whether there is a feasible set."""
        if not self._floors_fit:
            return False
        if self._hold(self._largest(self._room[None]))[0]:
            return True
        return self._solve(np.ones(len(self.caps))) is not None if self._counts is None else len(self._counts) > 0

    def heaviest(self, values: np.ndarray) -> np.ndarray:
        """The feasible set with the greatest total value in each row: (k, m) -> bool (k, m).

        `is_feasible` must hold. Of equal values those of the first sources count as greater.
        """
        found = self._largest(values)
        if self._counts is None:
            for i in np.flatnonzero(~self._hold(found)):
                best = self._solve(values[i])
                assert best is not None
                found[i] = best
            return found
        rest = np.flatnonzero(~self._hold(found))
        step = max(_BLOCK // max(len(self._counts), 1), 1)
        for start in range(0, len(rest), step):
            rows = rest[start : start + step]
            found[rows] = self._best_division(values[rows])
        return found

    @cached_property
    def _needed(self) -> np.ndarray:
        """bool (m,), the sources that take part in every mixture."""
        return np.array(self.floors) > 0

    @cached_property
    def _group_of(self) -> np.ndarray:
        """int (m,), the number of each source's group; that after the last for a source without one."""
        numbers = np.full(len(self.caps), len(self.groups))
        for number, (members, _) in enumerate(self.groups):
            numbers[list(members)] = number
        return numbers

    @cached_property
    def _group_caps(self) -> np.ndarray:
        """(g + 1,), the greatest weight of each group, and no limit for the sources without one."""
        return np.array([*(cap for _, cap in self.groups), np.inf])

    @cached_property
    def _room(self) -> np.ndarray:
        """(m,), the greatest weight of each source."""
        return np.minimum(np.array(self.caps), self._group_caps[self._group_of])

    @property
    def _floors_fit(self) -> bool:
        sums = np.bincount(self._group_of, self.floors, len(self._group_caps))
        return bool(sum(self.floors) <= 1 + _SLACK and (sums <= self._group_caps + _SLACK).all())

    def _largest(self, values: np.ndarray) -> np.ndarray:
        """The needed sources and the others of greatest value, feasible or not: bool (k, m)."""
        order = np.argsort(-np.where(self._needed, np.inf, values), axis=1, kind="stable")
        found = np.zeros(values.shape, dtype=bool)
        np.put_along_axis(found, order[:, : self.most], True, axis=1)
        return found

    def _hold(self, sets: np.ndarray) -> np.ndarray:
        """Whether weights on each set can sum to 1: bool (k, m) -> bool (k,)."""
        groups = np.eye(len(self._group_caps))[self._group_of]  # (m, g + 1)
        room = np.minimum((sets * self._room) @ groups, self._group_caps)
        return np.asarray(room.sum(1) >= 1 - _SLACK)

    @cached_property
    def _kinds(self) -> list[np.ndarray]:
        """The sources of each kind, without those that are needed."""
        keys = list(zip(self._group_of.tolist(), self._room.tolist(), strict=True))
        free = np.flatnonzero(~self._needed)
        return [np.array([i for i in free if keys[i] == key]) for key in dict.fromkeys(keys[i] for i in free)]

    @cached_property
    def _counts(self) -> np.ndarray | None:
        """int (f, kinds), all numbers of sources of each kind that are feasible; None if there are too many to list."""
        places = self.most - int(self._needed.sum())
        counts = np.zeros((1, 0), dtype=np.int64)
        left = sum(len(kind) for kind in self._kinds)
        for kind in self._kinds:
            left -= len(kind)
            options = np.arange(min(len(kind), places) + 1)
            used = counts.sum(1)[:, None] + options
            row, column = np.nonzero((used <= places) & (used + left >= places))
            if len(row) > _MOST_COUNTS:
                return None
            counts = np.concatenate([counts[row], options[column][:, None]], axis=1)
        room = np.tile(np.bincount(self._group_of, self._room * self._needed, len(self._group_caps)), (len(counts), 1))
        for kind, number in zip(self._kinds, counts.T, strict=True):
            room[:, self._group_of[kind[0]]] += number * self._room[kind[0]]
        return counts[np.minimum(room, self._group_caps).sum(1) >= 1 - _SLACK]

    def _best_division(self, values: np.ndarray) -> np.ndarray:
        """`heaviest` by trying all divisions of the places among the kinds."""
        counts = self._counts
        assert counts is not None
        totals = np.zeros((len(values), len(counts)))
        orders = [kind[np.argsort(-values[:, kind], axis=1, kind="stable")] for kind in self._kinds]
        for order, number in zip(orders, counts.T, strict=True):
            sums = np.cumsum(np.take_along_axis(values, order, axis=1), axis=1)
            totals += np.concatenate([np.zeros((len(values), 1)), sums], axis=1)[:, number]
        best = counts[totals.argmax(1)]  # (k, kinds)
        found = np.tile(self._needed, (len(values), 1))
        for order, number in zip(orders, best.T, strict=True):
            taken = np.arange(order.shape[1]) < number[:, None]
            found[np.nonzero(taken)[0], order[taken]] = True
        return found

    def _solve(self, values: np.ndarray) -> np.ndarray | None:
        """`heaviest` of one row by an integer linear program: bool (m,); None if no set is feasible.

        Variables are whether each source takes part and the weight of each group. The solver allows for a violation
        of 1e-6; a set that is infeasible by so little is excluded, and the program is solved again.
        """
        m, groups = len(self.caps), len(self.groups)
        free = self._group_of == groups
        takes = np.eye(groups + 1)[self._group_of].T[:groups] * self._room  # (g, m)
        matrix = np.block(
            [
                [np.ones((1, m)), np.zeros((1, groups))],
                [np.where(free, self._room, 0.0)[None], np.ones((1, groups))],
                [takes, -np.eye(groups)],
            ]
        )
        low, high = np.r_[self.most, 1.0, np.zeros(groups)], np.r_[self.most, np.full(groups + 1, np.inf)]
        bounds = Bounds(np.r_[self._needed, np.zeros(groups)], np.r_[np.ones(m), self._group_caps[:groups]])
        goal, whole = np.r_[-_SCALE * values, np.zeros(groups)], np.r_[np.ones(m), np.zeros(groups)]
        while True:
            result = milp(goal, integrality=whole, bounds=bounds, constraints=LinearConstraint(matrix, low, high))
            if result.x is None:
                return None
            found = np.asarray(result.x[:m] > 0.5)
            if self._hold(found[None])[0]:
                return found
            matrix = np.concatenate([matrix, np.r_[found, np.zeros(groups)][None]])
            low, high = np.r_[low, -np.inf], np.r_[high, self.most - 1.0]
