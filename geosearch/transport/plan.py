"""Plan: what came out of a solver, and what can be pushed through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from geosearch.transport.problem import Problem


@dataclass(frozen=True)
class CostParts:
    """Where the cost comes from, squared feature units, weights included."""

    features: float
    labels: float


@dataclass(frozen=True, eq=False)
class Plan:
    """Who goes where, and at what mean cost.

    Attributes:
        coupling: (n, p) masses, sparse; its rows sum to a and its columns to b.
        value: true mean ground cost under this coupling, squared feature units.
        parts: the value split into features and labels.
        converged: whether the solver reached what it promises.
        message: how it ended, and what to do if that is not good enough.
        potentials: (n,) and (p,) dual potentials, NaN for points without mass; None if the solver has none.
        epsilon: entropic regularisation of the potentials, squared feature units; 0 for unregularised ones.
        lower_bound: no plan costs less; None if the solver proves nothing.
        divergence: debiased entropic value, zero between equal sets; None for other solvers.
    """

    coupling: sparse.csr_array
    value: float
    parts: CostParts
    converged: bool
    message: str
    potentials: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    epsilon: float = 0.0
    lower_bound: float | None = None
    divergence: float | None = None

    @classmethod
    def of(
        cls,
        problem: Problem,
        coupling: sparse.csr_array,
        *,
        converged: bool,
        message: str,
        potentials: tuple[np.ndarray, np.ndarray] | None = None,
        epsilon: float = 0.0,
        lower_bound: float | None = None,
        divergence: float | None = None,
    ) -> Plan:
        """Price a coupling pair by pair in float64, so that no rounding of a solver enters the value."""
        parts = mean_cost(problem, coupling)
        value = parts.features + parts.labels
        if lower_bound is not None:
            lower_bound = min(lower_bound, value)  # they differ by rounding where the plan is optimal
        return cls(coupling, value, parts, converged, message, potentials, epsilon, lower_bound, divergence)

    @cached_property
    def row_masses(self) -> np.ndarray:
        """(n,)"""
        return np.asarray(self.coupling.sum(axis=1)).ravel()

    @cached_property
    def permutation(self) -> np.ndarray | None:
        """(n,) the one column of each row when the plan is one-to-one, else None."""
        n, p = self.coupling.shape
        if n != p or self.coupling.nnz != n or np.any(np.diff(self.coupling.indptr) != 1):
            return None
        columns = self.coupling.indices
        return columns if len(np.unique(columns)) == n else None

    def project(self, values: np.ndarray) -> np.ndarray:
        """Barycentric map: values of the columns (p, ...) -> their plan-weighted mean in each row, float32 (n, ...).

        A one-to-one plan only reorders, so nothing is blurred. Rows without mass become zero.
        """
        if self.permutation is not None:
            return values[self.permutation].astype(np.float32)
        weights = 1 / np.where(self.row_masses > 0, self.row_masses, np.inf)
        rows = (sparse.diags_array(weights) @ self.coupling).astype(np.float32)  # (n, p), rows sum to one
        return (rows @ values.reshape(len(values), -1).astype(np.float32)).reshape(-1, *values.shape[1:])


def mean_cost(problem: Problem, coupling: sparse.csr_array) -> CostParts:
    """The problem's mean ground cost under any coupling (n, p)."""
    entries = coupling.tocoo()
    features, labels = problem.pair_costs(entries.row, entries.col)
    return CostParts(float(entries.data @ features), float(entries.data @ labels))
