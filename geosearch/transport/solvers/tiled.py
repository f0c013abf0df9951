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
    """A nearly optimal plan of any size: the (n, p) cost is made in tiles, again at every pass, never held.

    As `Exact`, but the potentials that choose the kept pairs come from a cost whose inner products are taken
    in the `dims` leading principal directions, which is an order of magnitude cheaper; pricing uses the full
    cost. It stops when the proven gap is small enough for a distance, not at the optimum.

    Attributes:
        tolerance: it stops when the plan is proven to cost at most this share more than the best one.
        dims: principal directions of the cheap cost.
        arcs: pairs kept per row at first.
        max_rounds: times the pairs may grow before it gives up, saying what is proven.
        device: where the passes over all pairs run; the simplex on the kept pairs runs on the host.
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
