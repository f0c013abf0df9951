"""Solvers: how a Problem becomes a Plan. The only importer of POT."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from geosearch.errors import InvalidData, InvalidOption
from geosearch.transport import memory
from geosearch.transport.cost import Problem
from geosearch.transport.plan import Plan


class Solver(Protocol):
    """How a problem is solved."""

    def run(self, problem: Problem) -> Plan:
        """The plan; `solve` has checked the problem."""
        ...


@dataclass(frozen=True)
class Exact:
    """The unregularised plan, by network simplex; a permutation when sizes are equal and masses uniform.

    Attributes:
        max_iterations: pivots before it gives up, saying so.
    """

    max_iterations: int = 5_000_000

    def run(self, problem: Problem) -> Plan:
        import ot

        n, p = problem.shape
        memory.require(
            3 * problem.memory_bytes(),
            f"an exact plan between {n} and {p} points",
            "use samples=, or solver=Tiled()",
        )
        a, b = problem.masses
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            coupling, log = ot.emd(a, b, problem.cost(), numItermax=self.max_iterations, log=True)
        converged = log["result_code"] == 1
        message = (
            "optimal"
            if converged
            else f"network simplex stopped after {self.max_iterations} pivots; raise Exact(max_iterations=...)"
        )
        return Plan.of(
            problem,
            sparse.csr_array(coupling),
            converged=converged,
            message=message,
            potentials=(log["u"], log["v"]),
        )


@dataclass(frozen=True)
class Sinkhorn:
    """The entropic plan, in the log domain, the regularisation lowered step by step.

    Attributes:
        regularisation: final epsilon as a share of the mean cost.
        steps: number of epsilon steps from the mean cost down.
        max_iterations: iterations at the last epsilon.
        tolerance: largest summed marginal error at which it counts as converged.
    """

    regularisation: float = 0.01
    steps: int = 8
    max_iterations: int = 1000
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        if self.regularisation <= 0:
            raise InvalidOption(f"Sinkhorn: regularisation must be positive, got {self.regularisation}; or Exact()")

    def run(self, problem: Problem) -> Plan:
        import torch

        n, p = problem.shape
        memory.require(3 * problem.memory_bytes(), f"a Sinkhorn plan between {n} and {p} points", "use samples=")
        cost = torch.from_numpy(problem.cost())
        a, b = (torch.from_numpy(mass) for mass in problem.masses)
        mean = float(cost.mean()) or 1.0
        f, g = torch.zeros(n, dtype=torch.float64), torch.zeros(p, dtype=torch.float64)
        error = np.inf
        for epsilon in mean * np.geomspace(1, self.regularisation, self.steps):
            last = epsilon <= mean * self.regularisation * 1.0001
            for _ in range(self.max_iterations if last else 10):
                f = -epsilon * torch.logsumexp((g - cost) / epsilon + b.log(), dim=1)
                log_columns = torch.logsumexp((f[:, None] - cost) / epsilon + a.log()[:, None], dim=0)
                error = float((b * torch.expm1(log_columns + g / epsilon).abs()).sum())
                if last and error <= self.tolerance:
                    break
                g = -epsilon * log_columns
        plan = torch.exp((f[:, None] + g - cost) / epsilon) * a[:, None] * b
        plan = _rounded(plan, a, b).numpy()
        plan[plan < 1e-12 * plan.max()] = 0
        converged = error <= self.tolerance
        message = (
            f"marginal error {error:.1e} within {self.tolerance:.0e}"
            if converged
            else f"marginal error {error:.1e} after {self.max_iterations} iterations, asked {self.tolerance:.0e}; "
            "raise regularisation or max_iterations"
        )
        return Plan.of(
            problem, sparse.csr_array(plan), converged=converged, message=message, potentials=(f.numpy(), g.numpy())
        )


def solve(problem: Problem, solver: Solver | None = None) -> Plan:
    """Check the problem once and solve it.

    Args:
        problem: two labelled measures and the ground cost.
        solver: how; Exact() if None.

    Raises:
        InvalidData: shapes that do not meet, NaN or infinite features, masses that are not a distribution.
        TooLarge: the estimated memory passes the limit; refused before anything is allocated.
    """
    _check(problem)
    return (solver or Exact()).run(problem)


def exact_value(x: np.ndarray, x2: np.ndarray) -> float:
    """Unregularised squared W2 between two uniform samples (n, d) and (p, d)."""
    return Exact().run(Problem.plain(x, x2)).value


def _rounded(plan, a, b):  # type: ignore[no-untyped-def]
    """The nearest plan with the right marginals. Source: Altschuler, Weed & Rigollet 2017, alg. 2."""
    plan = plan * (a / plan.sum(1)).clamp(max=1)[:, None]
    plan = plan * (b / plan.sum(0)).clamp(max=1)
    rows, columns = a - plan.sum(1), b - plan.sum(0)
    total = rows.sum()
    return plan + rows[:, None] * columns / total if float(total) > 1e-15 else plan


def _check(problem: Problem) -> None:
    n, p = problem.shape
    if problem.x.ndim != 2 or problem.x2.ndim != 2 or problem.x.shape[1] != problem.x2.shape[1]:
        raise InvalidData(
            f"features must be (n, d) and (p, d), got {problem.x.shape} and {problem.x2.shape}; "
            "encode both sets with one embedding"
        )
    if not n or not p:
        raise InvalidData(f"cannot transport {n} points onto {p}; both sets need at least one row")
    if problem.y.shape != (n,) or problem.y2.shape != (p,):
        raise InvalidData(f"expected {n} and {p} labels, got {problem.y.shape} and {problem.y2.shape}")
    if not (np.isfinite(problem.x).all() and np.isfinite(problem.x2).all()):
        raise InvalidData("features hold NaN or infinite values; check the embedding")
    if (
        problem.table is not None
        and not np.isfinite(problem.table[np.ix_(np.unique(problem.y), np.unique(problem.y2))]).all()
    ):
        raise InvalidData("the label table has no value for a class that has rows; build it from the same rows")
    for name, mass, size in (("a", problem.a, n), ("b", problem.b, p)):
        if mass is not None and (
            mass.shape != (size,) or not np.isfinite(mass).all() or mass.min() < 0 or abs(mass.sum() - 1) > 1e-6
        ):
            raise InvalidData(f"masses {name} must be {size} non-negative numbers that sum to one")
