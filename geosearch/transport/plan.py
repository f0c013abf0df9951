"""Plan: the output of a solver."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from geosearch.transport.problem import Problem


@dataclass(frozen=True)
class CostParts:
    """The cost split into features and labels, squared feature units, weights included."""

    features: float
    labels: float


@dataclass(frozen=True, eq=False)
class Plan:
    """A transport plan and its mean cost.

    Attributes:
        coupling: (n, p) masses, sparse; its rows sum to a and its columns to b.
        value: true mean ground cost under this coupling, squared feature units.
        parts: the value split into features and labels.
        converged: whether the solver reached its tolerance.
        message: how the solver ended, with a remedy if it did not converge.
        potentials: (n,) and (p,) dual potentials, NaN for points without mass; None if the solver has none.
        epsilon: entropic regularization of the potentials, squared feature units; 0 for unregularised ones.
        lower_bound: proven lower bound of the cost of any plan, with a margin for rounding in float64; None if the
            solver proves none.
        divergence: Sinkhorn divergence, zero between equal sets; None for other solvers.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import Problem, solve
        >>> rng = np.random.default_rng(0)
        >>> problem = Problem.plain(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
        >>> plan = solve(problem)
        >>> plan.coupling.shape, plan.converged
        ((50, 50), True)
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
        """A plan from a coupling; its value is computed pair by pair in float64."""
        parts = mean_cost(problem, coupling)
        value = parts.features + parts.labels
        if lower_bound is not None:
            lower_bound = min(lower_bound, value)  # an optimal plan may lie below it by rounding
        return cls(coupling, value, parts, converged, message, potentials, epsilon, lower_bound, divergence)

    @property
    def gap(self) -> float:
        """Largest possible excess over the optimum, squared feature units; infinite if nothing is proven."""
        return float("inf") if self.lower_bound is None else self.value - self.lower_bound

    @cached_property
    def row_masses(self) -> np.ndarray:
        """(n,)"""
        return np.asarray(self.coupling.sum(axis=1)).ravel()

    @cached_property
    def permutation(self) -> np.ndarray | None:
        """(n,) the column of each row if the plan is one-to-one, else None."""
        n, p = self.coupling.shape
        if n != p or self.coupling.nnz != n or np.any(np.diff(self.coupling.indptr) != 1):
            return None
        columns = self.coupling.indices
        return columns if len(np.unique(columns)) == n else None

    def project(self, values: np.ndarray) -> np.ndarray:
        """Barycentric projection: values of the columns (p, ...) -> their weighted means, float32 (n, ...).

        A one-to-one plan only reorders the values. Rows without mass become zero.
        """
        if self.permutation is not None:
            return values[self.permutation].astype(np.float32)
        weights = 1 / np.where(self.row_masses > 0, self.row_masses, np.inf)
        rows = (sparse.diags_array(weights) @ self.coupling).astype(np.float32)  # (n, p), rows sum to one
        return (rows @ values.reshape(len(values), -1).astype(np.float32)).reshape(-1, *values.shape[1:])


def mean_cost(problem: Problem, coupling: sparse.csr_array) -> CostParts:
    """The mean ground cost of a coupling (n, p)."""
    entries = coupling.tocoo()
    features, labels = problem.pair_costs(entries.row, entries.col)
    return CostParts(float(entries.data @ features), float(entries.data @ labels))
