"""Tiled: a nearly optimal plan whose cost matrix is never held in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from geosearch.errors import InvalidOptionError
from geosearch.runtime import memory
from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem, linear_bytes
from geosearch.transport.solvers.blocks import Blocks
from geosearch.transport.solvers.column_generation import ColumnGeneration
from geosearch.transport.solvers.exact import check_options, column_potentials, first_pairs, grow_plan


@dataclass(frozen=True)
class Tiled:
    """A nearly optimal plan of any size: the (n, p) cost is recomputed in tiles at every pass and never stored.

    As `Exact`, but the initial pairs are selected with a cost in the `dims` leading principal directions, which is an
    order of magnitude cheaper; pricing uses the full cost. It stops at a gap that is small enough for a distance.

    Attributes:
        tolerance: largest relative gap between the plan and the proven lower bound.
        dims: number of principal directions of the cheap cost.
        arcs: initial number of pairs per row.
        max_rounds: largest number of rounds of column generation.
        device: device of the passes over all pairs; the network simplex runs on the CPU.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import Tiled, Problem, solve
        >>> rng = np.random.default_rng(0)
        >>> problem = Problem.plain(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
        >>> plan = solve(problem, Tiled())
        >>> plan.converged
        True
    """

    tolerance: float = 0.01
    dims: int = 64
    arcs: int = 12
    max_rounds: int = 5
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_options("Tiled", self.tolerance, self.arcs, self.max_rounds)
        if self.dims < 1:
            raise InvalidOptionError(f"Tiled needs dims >= 1, got {self.dims}")

    def run(self, problem: Problem, start: np.ndarray | None = None) -> Plan:
        n, p = problem.shape
        needed = linear_bytes(problem, self.arcs)
        what = f"a tiled plan between {n} and {p} points"
        memory.require(needed, what, "use samples=, or the solver Minibatch()", self.device)
        basis = _basis(problem, self.dims, self.device) if self.dims < problem.x.shape[1] else None
        cheap = Blocks.of(*problem.factors(dtype=torch.float32, device=self.device, basis=basis), keep=False)
        pairs, _ = first_pairs(cheap, column_potentials(problem, cheap, start), self.arcs)
        del cheap
        cost = Blocks.of(*problem.factors(dtype=torch.float32, device=self.device), keep=False)
        return grow_plan(ColumnGeneration(problem, cost, pairs, None), self.tolerance, self.max_rounds)


def _basis(problem: Problem, dims: int, device: str) -> torch.Tensor:
    """The leading principal directions of both sets pooled: (d, dims)."""
    rows = [torch.as_tensor(part, device=device) for part in (problem.x, problem.x2)]
    pooled = torch.cat([part[:: max(1, len(part) // 4096)].float() for part in rows])
    pooled = pooled - pooled.mean(0)
    return torch.linalg.eigh((pooled.T @ pooled).double()).eigenvectors[:, -dims:].float()
