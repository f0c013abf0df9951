"""Exact: the unregularized plan, by column generation."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from geosearch.transport.solvers.certificate import Certificate, certify
from geosearch.transport.solvers.column_generation import ColumnGeneration
from geosearch.transport.solvers.network_simplex import Flow
from geosearch.transport.solvers.potentials import coarse_to_fine
from geosearch.transport.solvers.pricing import DualBound, double_c_transform, smallest_reduced_costs

_ROUNDING = 4e-6  # of the value: what potentials in float32 leave unproven
_FAR = 1e-3  # gap, of the value, beyond which float32's potentials are no start
_MORE = 12  # further pairs of a row in float64


@SOLVERS.register("exact", "one-to-one, without blur")
@dataclass(frozen=True)
class Exact:
    """The unregularized plan; a permutation if sizes are equal and masses uniform.

    Small problems are solved by the network simplex on all pairs. Larger ones are solved by column generation: on the
    pairs of small reduced cost under coarse entropic potentials; then a pass over all pairs either proves the plan
    optimal or finds pairs to add. The cost matrix is one float32 matrix product, and again in float64 where float32 has
    too few digits (clusters far apart, outliers); the value and the lower bound are computed in float64.

    Attributes:
        tolerance: largest relative gap between the plan and the proven lower bound, up to 4e-6 for rounding.
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
            return prove(problem, flow, certify(problem, flow.potentials[1]), self.tolerance)
        cost = Blocks.of(*problem.factors(dtype=torch.float32, device=self.device), keep=True)
        g = column_potentials(problem, cost, start)
        growth = ColumnGeneration(problem, cost, *first_pairs(cost, g, self.arcs))
        del cost
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
    """Grow with costs in float32; where these have too few digits to prove the plan, go on with costs in float64."""
    problem, cost = growth.problem, growth.cost
    growth.run(tolerance, max_rounds)
    plan = prove(problem, growth.flow, certify(problem, _finite(growth.bound.g), cost), tolerance)
    keep, device = cost.whole is not None, str(cost.u.device)
    fits = memory.limit_bytes(device) > 2 * linear_bytes(problem, _MORE)
    if plan.converged or growth.rounds == max_rounds or not fits:
        return plan
    pairs = Pairs.of(*np.divmod(growth.known, cost.shape[1]), cost)
    rounds = growth.rounds
    del growth, cost
    exact = Blocks.of(
        *problem.factors(dtype=torch.float64, device=device),
        keep=keep and memory.limit_bytes(device) > 8 * problem.shape[0] * problem.shape[1],
    )
    wide = _with_more_digits(problem, exact, plan, pairs)
    wide.rounds = rounds
    wide.run(tolerance, max_rounds)
    return prove(problem, wide.flow, certify(problem, _finite(wide.bound.g)), tolerance)


def _with_more_digits(problem: Problem, exact: Blocks, plan: Plan, pairs: Pairs) -> ColumnGeneration:
    """The growth in float64: from the pairs in use, and from those that finer potentials select."""
    assert plan.potentials is not None
    g = exact.to_tensor(plan.potentials[1])
    if plan.gap > _FAR * plan.value:
        a, b = (exact.to_tensor(mass) for mass in problem.masses)
        g = coarse_to_fine(exact, a, b, scale=plan.value).g
    more, bound = first_pairs(exact, g, _MORE)
    every = Pairs(torch.cat([pairs.rows, more.rows]), torch.cat([pairs.columns, more.columns]))
    return ColumnGeneration(problem, exact, every, bound)


def prove(problem: Problem, flow: Flow, certificate: Certificate, tolerance: float) -> Plan:
    """The plan of a flow with its proof; converged if that is as close as asked."""
    plan = Plan.of(
        problem,
        sparse.csr_array((flow.masses, (flow.rows, flow.columns)), shape=problem.shape),
        converged=False,
        message="",
        potentials=(certificate.f, certificate.g),
        lower_bound=certificate.value,
    )
    converged = flow.finished and plan.gap <= (tolerance + _ROUNDING) * plan.value
    remedy = "" if converged else "; not as close as asked: raise max_rounds or tolerance, or remove outliers"
    share = plan.gap / max(plan.value, 1e-300)
    return replace(plan, converged=converged, message=f"proven within {share:.1e} of the optimum{remedy}")


def _finite(g: torch.Tensor) -> np.ndarray:
    """Potentials (p,) float64; zeros where float32 overflowed."""
    return np.nan_to_num(g.double().cpu().numpy(), nan=0.0, posinf=0.0, neginf=0.0)


def check_options(name: str, tolerance: float, arcs: int, max_rounds: int) -> None:
    if tolerance < 0 or arcs < 1 or max_rounds < 1:
        raise InvalidOptionError(
            f"{name} needs tolerance >= 0, arcs >= 1 and max_rounds >= 1, got {tolerance}, {arcs}, {max_rounds}"
        )
