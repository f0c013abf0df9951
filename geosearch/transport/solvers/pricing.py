"""Pricing: pairs of small reduced cost, and lower bounds by weak duality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from geosearch.transport.solvers.blocks import Blocks, Pairs


@dataclass(frozen=True, eq=False)
class DualBound:
    """Feasible potentials, f_i + g_j <= c_ij: a lower bound of the transport cost by weak duality."""

    f: torch.Tensor  # (n,)
    g: torch.Tensor  # (p,)

    def value(self, a: torch.Tensor, b: torch.Tensor) -> float:
        return float(a.double() @ self.f.double() + b.double() @ self.g.double())


def double_c_transform(cost: Blocks, g: torch.Tensor) -> tuple[DualBound, torch.Tensor]:
    """Any g (p,) -> potentials that touch the cost in every row and every column, and where: (p,) rows; one pass.

    A double c-transform: first f from g, then the largest g that f allows.
    """
    f = g.new_empty(len(cost.u))

    def step(rows: slice, block: torch.Tensor, work: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        f[rows] = torch.sub(block, g, out=work).amin(1)
        least, row = torch.sub(block, f[rows][:, None], out=work).min(0)
        return least, row + rows.start

    tight, where = torch.full_like(g, torch.inf), torch.zeros_like(g, dtype=torch.int64)
    for least, row in cost.map(step):
        better = least < tight
        tight, where = torch.where(better, least, tight), torch.where(better, row, where)
    return DualBound(f, tight), where


def smallest_reduced_costs(cost: Blocks, g: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` columns of least reduced cost of each row: (n, count); one pass."""
    count = min(count, len(g))

    def step(_: slice, block: torch.Tensor, work: torch.Tensor) -> torch.Tensor:
        return torch.sub(block, g, out=work).topk(count, dim=1, largest=False, sorted=False).indices

    return torch.cat(list(cost.map(step)))


@dataclass(frozen=True, eq=False)
class Prices:
    """The result of a pricing pass.

    Attributes:
        f: (n,) the largest potentials that are feasible with the g that was priced.
        pairs: pairs of negative reduced cost, which would lower the cost.
    """

    f: torch.Tensor
    pairs: Pairs


def price(cost: Blocks, f: torch.Tensor, g: torch.Tensor, *, tolerance: float, count: int) -> Prices:
    """The pairs whose reduced cost c - f - g is below -tolerance, the worst `count` of each row; one pass."""
    feasible = torch.empty_like(f)

    def step(rows: slice, block: torch.Tensor, work: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        feasible[rows] = torch.sub(block, g, out=work).amin(1)
        limit = f[rows] - tolerance
        wrong = (feasible[rows] < limit).nonzero().ravel()
        values, columns = work[wrong].topk(min(count, len(g)), dim=1, largest=False, sorted=False)
        i, k = (values < limit[wrong][:, None]).nonzero(as_tuple=True)
        return wrong[i] + rows.start, columns[i, k]

    rows, columns = (torch.cat(part) for part in zip(*cost.map(step), strict=True))
    return Prices(feasible, Pairs(rows, columns))


def northwest_corner(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The north-west corner plan: rows, columns and masses of at most n + p - 1 pairs, always feasible."""
    up, across = np.cumsum(a), np.cumsum(b)
    total = min(up[-1], across[-1])
    edges = np.unique(np.concatenate([up, across]).clip(max=total))
    edges = edges[edges > 0]
    masses = np.diff(edges, prepend=0.0)
    middle = edges - masses / 2
    rows = np.searchsorted(up, middle).clip(max=len(a) - 1)
    return rows, np.searchsorted(across, middle).clip(max=len(b) - 1), masses
