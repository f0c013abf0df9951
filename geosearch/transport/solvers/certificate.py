"""Certificate: a proven lower bound of the transport cost, computed in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from geosearch.transport.problem import Problem
from geosearch.transport.solvers.blocks import Blocks

_CANDIDATES = 64  # pairs of a row that are computed one by one; a row with more is computed whole
_ROWS, _COLUMNS = 1024, 4096  # of a float64 block
_UNIT = 2.0**-53  # largest relative error of one float64 operation


@dataclass(frozen=True, eq=False)
class Certificate:
    """Feasible potentials, f_i + g_j <= c_ij, and the lower bound of the cost of any plan that they prove.

    Attributes:
        f: (n,) float64.
        g: (p,) float64.
        value: sum of a f + sum of b g less a margin for rounding; at least 0, as costs are not negative.
    """

    f: np.ndarray
    g: np.ndarray
    value: float


def certify(problem: Problem, g: np.ndarray, cost: Blocks | None = None) -> Certificate:
    """The best lower bound that column potentials (p,) prove by weak duality, up to rounding in float64.

    f_i is the least c_ij - g_j of the row. With blocks of the cost in float32, only the pairs of each row that can be
    the least within float32's rounding are computed in float64, and rows where these are many.

    Args:
        problem: the problem.
        g: column potentials, finite; they need not be feasible with any f.
        cost: the cost in float32; every pair is computed in float64 if None.
    """
    g = np.asarray(g, np.float64) - np.median(g)  # one outlier may lift all others by the square of its distance
    n = problem.shape[0]
    f, rows = np.full(n, np.inf), np.arange(n)
    if cost is not None:
        i, j, rows = _candidates(problem, cost, g)
        features, labels = problem.pair_costs(i, j)
        slack = (8 + problem.x.shape[1]) * _UNIT  # relative rounding of a sum of d squares, all positive
        np.minimum.at(f, i, (features + labels) * (1 - slack) - g[j])
    if len(rows):
        f[rows] = _least_reduced(problem, rows, g)
    a, b = (mass / math.fsum(mass) for mass in problem.masses)
    parts = np.concatenate([a * f, b * g])
    margin = 8 * _UNIT * (float(np.abs(parts).sum()) + float(a @ np.abs(f)))
    return Certificate(f, g, max(math.fsum(parts) - margin, 0.0))


def _candidates(problem: Problem, cost: Blocks, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (k,), (k,) among which each row's least c - g is, and the rows (r,) that have too many."""
    d, k = problem.x.shape[1], cost.u.shape[1]
    unit = torch.finfo(cost.u.dtype).eps / 2
    share = 3 * (k + 8) * unit  # of |x|^2 + |x'|^2: rounding of the norms, of k products and of their sum
    heights = 0.0 if problem.table is None else float(problem.label_weight * np.nan_to_num(problem.table).max())
    of_rows = share * (cost.u[:, d] + heights)  # the factors hold the weighted norms
    potentials = cost.to_tensor(g)
    of_columns = share * cost.v[:, d + 1] + 6 * unit * potentials.abs()
    upper, lower = potentials - of_columns, potentials + of_columns

    def step(rows: slice, block: torch.Tensor, work: torch.Tensor) -> tuple[torch.Tensor, ...]:
        limit = torch.sub(block, upper, out=work).amin(1) + 2 * of_rows[rows]
        near = torch.sub(block, lower, out=work) <= limit[:, None]
        many = near.sum(1) > _CANDIDATES
        near[many] = False
        i, j = near.nonzero(as_tuple=True)
        return i + rows.start, j, many.nonzero().ravel() + rows.start

    i, j, many = (torch.cat(part).cpu().numpy() for part in zip(*cost.map(step), strict=True))
    return i, j, many


def _least_reduced(problem: Problem, rows: np.ndarray, g: np.ndarray) -> np.ndarray:
    """A lower bound of the least c_ij - g_j of some rows: (r,), less what rounding may have added.

    Blocks of the product |x|^2 + |x'|^2 - 2 x.x' in float64, centered. Norms and labels are shrunk by the largest
    relative error of the product, so that every entry is at most the true cost.
    """
    x, x2 = torch.as_tensor(problem.x), torch.as_tensor(problem.x2)
    device, p, d = x.device, len(x2), x.shape[1]
    middle = (x.mean(0, dtype=torch.float64) + x2.mean(0, dtype=torch.float64)) / 2
    keep = problem.feature_weight * (1 - 2 * (2 * d + 16) * _UNIT)
    table = None
    if problem.table is not None:
        heights = problem.label_weight * np.nan_to_num(problem.table) * (1 - 8 * _UNIT)
        table = torch.as_tensor(heights, device=device)
        y, y2 = (torch.as_tensor(labels, device=device) for labels in (problem.y, problem.y2))
    potentials = torch.as_tensor(g, device=device)
    found = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=device)
    index = torch.as_tensor(rows, device=device)
    for start in range(0, p, _COLUMNS):
        columns = slice(start, min(start + _COLUMNS, p))
        right = x2[columns].double() - middle
        offset = keep * torch.einsum("pd,pd->p", right, right) - potentials[columns]
        offset -= 8 * _UNIT * potentials[columns].abs()  # rounding of the sums below
        right *= -2 * problem.feature_weight
        for first in range(0, len(rows), _ROWS):
            part = index[first : first + _ROWS]
            left = x[part].double() - middle
            block = (left @ right.T).add_(offset)
            if table is not None:
                block += table[y[part]][:, y2[columns]]
            least = block.amin(1) + keep * torch.einsum("nd,nd->n", left, left)
            found[first : first + _ROWS] = torch.minimum(found[first : first + _ROWS], least)
    return found.cpu().numpy()
