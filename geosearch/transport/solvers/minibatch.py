"""Minibatch: the average of many small plans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem
from geosearch.transport.solvers.exact import Exact


@dataclass(frozen=True)
class Minibatch:
    """Random batches of rows against random batches of columns, each solved exactly, the plans averaged.

    Memory and time are linear in n. The value is that of a feasible plan, hence at least the optimum, by a few
    percent for batches of a thousand in pixels; `repeats` above 1 blur the map. Source: Fatras et al. 2020.

    Attributes:
        size: rows and columns per batch.
        repeats: number of independent partitions into batches.
        seed: seed of the partitions.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import Minibatch, Problem, solve
        >>> rng = np.random.default_rng(0)
        >>> problem = Problem.plain(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
        >>> plan = solve(problem, Minibatch(size=25))
        >>> plan.converged
        True
    """

    size: int = 1000
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or self.repeats < 1:
            raise InvalidOptionError(f"Minibatch needs size >= 1 and repeats >= 1, got {self.size} and {self.repeats}")

    def run(self, problem: Problem, start: np.ndarray | None = None) -> Plan:
        n, p = problem.shape
        count = -(-max(n, p) // self.size)
        rows, columns, masses, unsolved = [], [], [], 0
        for repeat in range(self.repeats):
            rng = seeds.stream(self.seed, "minibatch", repeat)
            cuts = (_cut(mass, count, rng) for mass in problem.masses)
            for (i, a), (j, b) in zip(*cuts, strict=True):
                plan = Exact().run(problem.restrict(i, j, _unless_uniform(a), _unless_uniform(b)))
                small, unsolved = plan.coupling.tocoo(), unsolved + (not plan.converged)
                rows.append(i[small.row])
                columns.append(j[small.col])
                masses.append(small.data / (count * self.repeats))
        index = (np.concatenate(rows), np.concatenate(columns))
        coupling = sparse.csr_array((np.concatenate(masses), index), shape=(n, p))
        message = f"{self.repeats} x {count} batches averaged; the value is an upper bound of the distance"
        if unsolved:
            message += f"; {unsolved} of them are not as close to their optimum as asked: remove outliers"
        return Plan.of(problem, coupling, converged=not unsolved, message=message)


def _cut(mass: np.ndarray, count: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Shuffle points of mass (n,) and cut them into `count` parts of equal mass, splitting points at the cuts.

    Each part: its points and their masses within it, which sum to one.
    """
    order = rng.permutation(np.flatnonzero(mass > 0))
    ends = np.cumsum(mass[order]) * (count / mass.sum())
    begins = np.concatenate([[0.0], ends[:-1]])
    parts = []
    for k in range(count):
        first, last = np.searchsorted(ends, k, "right"), np.searchsorted(begins, k + 1, "left")
        inside = np.minimum(ends[first:last], k + 1) - np.maximum(begins[first:last], k)
        real = inside > 1e-9 * inside.max()
        inside = inside[real]
        parts.append((order[first:last][real], inside / inside.sum()))
    return parts


def _unless_uniform(mass: np.ndarray) -> np.ndarray | None:
    return None if np.ptp(mass) <= 1e-9 * mass.max() else mass
