"""Solution of a transport problem by a solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy import sparse

from geosearch.errors import InvalidDataError, InvalidOptionError
from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem, Rows
from geosearch.transport.solvers.base import Solver
from geosearch.transport.solvers.exact import Exact

_NOTHING = 1e-30  # masses below it vanish in float32; such points are left out


def solve(problem: Problem, solver: Solver | None = None, *, start: np.ndarray | None = None) -> Plan:
    """Check a problem and solve it.

    Args:
        problem: two labelled measures and the ground cost.
        solver: the solver; `Exact()` if None.
        start: (p,) column potentials of a similar problem with the same columns (`plan.potentials[1]`), as a warm
            start. They affect the time, not the guarantees of the solver.

    Raises:
        InvalidDataError: incompatible shapes, NaN or infinite features, masses that are not a distribution.
        TooLargeError: the estimated memory exceeds the limit; raised before anything is allocated.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import Problem, solve
        >>> rng = np.random.default_rng(0)
        >>> problem = Problem.plain(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
        >>> plan = solve(problem)
        >>> 0 < plan.lower_bound <= plan.value
        True
    """
    _check(problem, start)
    solver = solver or Exact()
    a, b = problem.masses
    rows, columns = np.flatnonzero(a > _NOTHING), np.flatnonzero(b > _NOTHING)
    if len(rows) == len(a) and len(columns) == len(b):
        return solver.run(problem, start)
    plan = solver.run(problem.restrict(rows, columns, a[rows], b[columns]), None if start is None else start[columns])
    small = plan.coupling.tocoo()
    coupling = sparse.csr_array((small.data, (rows[small.row], columns[small.col])), shape=problem.shape)
    if plan.potentials is None:
        return replace(plan, coupling=coupling)
    f, g = np.full(len(a), np.nan), np.full(len(b), np.nan)
    f[rows], g[columns] = plan.potentials
    return replace(plan, coupling=coupling, potentials=(f, g))


def squared_wasserstein(x: Rows, x2: Rows) -> float:
    """Exact squared W2 between two uniform samples (n, d) and (p, d)."""
    return solve(Problem.plain(x, x2)).value


def _check(problem: Problem, start: np.ndarray | None) -> None:
    n, p = problem.shape
    if problem.x.ndim != 2 or problem.x2.ndim != 2 or problem.x.shape[1] != problem.x2.shape[1]:
        raise InvalidDataError(
            f"features must be (n, d) and (p, d), got {tuple(problem.x.shape)} and {tuple(problem.x2.shape)}; "
            "encode both sets with one embedding"
        )
    if not n or not p:
        raise InvalidDataError(f"cannot transport {n} points onto {p}; both sets need at least one row")
    for rows in (problem.x, problem.x2):
        if not torch.isfinite(torch.as_tensor(rows)).all():
            raise InvalidDataError("features hold NaN or infinite values; check the images or the embedding")
    if problem.feature_weight < 0 or problem.label_weight < 0:
        raise InvalidOptionError(
            f"weights must not be negative, got features {problem.feature_weight}, labels {problem.label_weight}"
        )
    for mass, size in ((problem.a, n), (problem.b, p)):
        wrong = mass is not None and (mass.shape != (size,) or not np.isfinite(mass).all() or mass.min() < 0)
        if wrong or (mass is not None and abs(mass.sum() - 1) > 1e-6):
            raise InvalidDataError(f"masses must be {size} non-negative numbers that sum to one")
    if start is not None and (start.shape != (p,) or not np.isfinite(start).all()):
        raise InvalidDataError(f"start must be {p} finite column potentials, one per column of this problem")
    _check_labels(problem)


def _check_labels(problem: Problem) -> None:
    n, p = problem.shape
    if problem.y.shape != (n,) or problem.y2.shape != (p,):
        raise InvalidDataError(f"expected {n} and {p} labels, got {problem.y.shape} and {problem.y2.shape}")
    if problem.table is None:
        return
    present, present2 = np.unique(problem.y), np.unique(problem.y2)
    c, c2 = problem.table.shape
    if present[0] < 0 or present2[0] < 0 or present[-1] >= c or present2[-1] >= c2:
        raise InvalidDataError(f"the label table is {c} x {c2}; labels run to {present[-1]} and {present2[-1]}")
    if not np.isfinite(problem.table[np.ix_(present, present2)]).all():
        raise InvalidDataError("the label table has no value for a class that has rows; build it from the same rows")
