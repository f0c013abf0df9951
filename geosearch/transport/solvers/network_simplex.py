"""POT's network simplex, on all pairs or on a few; with unbalanced.py the only importer of POT."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from geosearch.transport.problem import Problem

_PIVOTS = 100_000_000


@dataclass(frozen=True, eq=False)
class Flow:
    """An optimal flow over the pairs that were offered.

    Attributes:
        rows, columns, masses: (k,) the pairs that carry mass; masses sum to one.
        value: mean cost.
        potentials: (n,) and (p,) dual potentials, optimal for the pairs that were offered.
        finished: False if the pivots ran out.
    """

    rows: np.ndarray
    columns: np.ndarray
    masses: np.ndarray
    value: float
    potentials: tuple[np.ndarray, np.ndarray]
    finished: bool


def on_all_pairs(problem: Problem) -> Flow:
    """The problem's whole float64 cost matrix."""
    flow, log = _emd(*units(problem), problem.cost())
    rows, columns = flow.nonzero()
    return _flow(rows, columns, flow[rows, columns], log)


def on_pairs(problem: Problem, rows: np.ndarray, columns: np.ndarray, costs: np.ndarray) -> Flow:
    """Only the k given pairs, which must admit a plan: (k,), (k,), float64 (k,)."""
    pairs = sparse.coo_array((costs, (rows, columns)), shape=problem.shape)
    flow, log = _emd(*units(problem), pairs, center_dual=False)
    found = sparse.coo_array(flow)
    return _flow(found.row, found.col, found.data, log)


def units(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Masses (n,), (p,) for the simplex: ones when that is the same, so that its flows are whole numbers."""
    n, p = problem.shape
    return (np.ones(n), np.ones(p)) if problem.one_to_one else problem.masses


def _emd(a: np.ndarray, b: np.ndarray, cost: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    import ot

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its complaints are in the result code
        return ot.emd(a, b, cost, numItermax=_PIVOTS, log=True, **options)


def _flow(rows: np.ndarray, columns: np.ndarray, masses: np.ndarray, log: dict[str, Any]) -> Flow:
    real = masses > 1e-9 * masses.max()  # crumbs of rounding
    total = masses.sum()
    return Flow(
        rows[real],
        columns[real],
        masses[real] / masses[real].sum(),
        float(log["cost"]) / float(total),
        (log["u"], log["v"]),
        log["result_code"] == 1,
    )
