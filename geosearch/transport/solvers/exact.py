"""Exact: the unregularized plan, by column generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from geosearch.errors import InvalidOptionError
from geosearch.runtime import memory
from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem, linear_bytes
from geosearch.transport.solvers import network_simplex
from geosearch.transport.solvers.base import SOLVERS
from geosearch.transport.solvers.blocks import Blocks, Pairs
from geosearch.transport.solvers.column_generation import ColumnGeneration
from geosearch.transport.solvers.network_simplex import Flow
from geosearch.transport.solvers.potentials import coarse_to_fine
from geosearch.transport.solvers.pricing import DualBound, double_c_transform, smallest_reduced_costs


@SOLVERS.register("exact", "one-to-one, without blur")
@dataclass(frozen=True)
class Exact:
    """The unregularized plan; a permutation if sizes are equal and masses uniform.

    Small problems are solved by the network simplex on all pairs. Larger ones are solved by column generation: on the
    pairs of small reduced cost under coarse entropic potentials; then a pass over all pairs either proves the plan
    optimal or finds pairs to add. The cost matrix is one float32 matrix product; the value is computed in float64.

    Attributes:
        tolerance: largest relative gap between the plan and the proven lower bound, up to float32 precision.
        arcs: initial number of pairs per row.
        max_rounds: largest number of rounds of column generation.
        dense_below: problems with fewer pairs are solved by the network simplex on all pairs, in float64.
        device: device of the passes over all pairs; the network simplex runs on the CPU.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import Exact, Problem, solve
        >>> rng = np.random.default_rng(0)
        >>> problem = Problem.plain(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
        >>> plan = solve(problem, Exact())
        >>> plan.converged
        True
    """

    tolerance: float = 1e-5
    arcs: int = 12
    max_rounds: int = 30
    dense_below: int = 100_000
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_options("Exact", self.tolerance, self.arcs, self.max_rounds)

    def run(self, problem: Problem, start: np.ndarray | None = None) -> Plan:
        n, p = problem.shape
        whole = n * p < self.dense_below
        memory.require(
            n * p * (40 if whole else 4) + linear_bytes(problem, self.arcs),
            f"an exact plan between {n} and {p} points",
            "use samples=, or the solver Tiled()",
            "cpu" if whole else self.device,
        )
        if whole:
            flow = network_simplex.on_all_pairs(problem)
            gap = 0.0 if flow.finished else flow.value
            return _plan(problem, flow, flow.potentials, gap, flow.finished)
        cost = Blocks.of(*problem.factors(dtype=torch.float32, device=self.device), keep=True)
        g = column_potentials(problem, cost, start)
        growth = ColumnGeneration(problem, cost, *first_pairs(cost, g, self.arcs))
        return grow_plan(growth, self.tolerance, self.max_rounds)


def column_potentials(problem: Problem, cost: Blocks, start: np.ndarray | None) -> torch.Tensor:
    """(p,) approximate potentials, from which pairs are selected."""
    a, b = (cost.to_tensor(mass) for mass in problem.masses)
    return coarse_to_fine(cost, a, b, start=None if start is None else cost.to_tensor(start)).g


def first_pairs(cost: Blocks, g: torch.Tensor, count: int) -> tuple[Pairs, DualBound]:
    """The pairs of least reduced cost, `count` in every row and one in every column; and a lower bound."""
    n, p = cost.shape
    bound, best_row = double_c_transform(cost, g)
    every_row = torch.arange(n, device=g.device).repeat_interleave(min(count, p))
    rows = torch.cat([every_row, best_row])
    columns = torch.cat([smallest_reduced_costs(cost, bound.g, count).ravel(), torch.arange(p, device=g.device)])
    return Pairs(rows, columns), bound


def grow_plan(growth: ColumnGeneration, tolerance: float, max_rounds: int) -> Plan:
    converged = growth.run(tolerance, max_rounds)
    potentials = (growth.bound.f.cpu().double().numpy(), growth.bound.g.cpu().double().numpy())
    return _plan(growth.problem, growth.flow, potentials, growth.gap, converged)


def _plan(problem: Problem, flow: Flow, potentials: tuple[np.ndarray, np.ndarray], gap: float, converged: bool) -> Plan:
    share = max(gap, 0.0) / max(flow.value, 1e-300)
    remedy = "" if converged else "; not as close as asked: raise max_rounds or tolerance"
    return Plan.of(
        problem,
        sparse.csr_array((flow.masses, (flow.rows, flow.columns)), shape=problem.shape),
        converged=converged,
        message=f"proven within {share:.1e} of the optimum{remedy}",
        potentials=potentials,
        lower_bound=flow.value - gap,
    )


def check_options(name: str, tolerance: float, arcs: int, max_rounds: int) -> None:
    if tolerance < 0 or arcs < 1 or max_rounds < 1:
        raise InvalidOptionError(
            f"{name} needs tolerance >= 0, arcs >= 1 and max_rounds >= 1, got {tolerance}, {arcs}, {max_rounds}"
        )
