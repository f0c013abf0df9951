"""Plan: what came out of a solver, and what can be pushed through it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from geosearch.transport.cost import Problem


@dataclass(frozen=True)
class Parts:
    """Where the cost comes from, squared feature units, weights included."""

    features: float
    labels: float


@dataclass(frozen=True, eq=False)
class Plan:
    """Who goes where, and at what mean cost.

    Attributes:
        coupling: (n, p) masses, sparse; rows sum to a, columns to b as far as the message says.
        value: true mean ground cost under this coupling, squared feature units.
        parts: the value split into features and labels.
        converged: whether the solver reached what it promises.
        message: how it ended, and what to do if that is not good enough.
        potentials: (n,) and (p,) dual potentials, when the solver has them.
        lower_bound: a proven lower bound of the optimal value, when the solver has one.
    """

    coupling: sparse.csr_array
    value: float
    parts: Parts
    converged: bool
    message: str
    potentials: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    lower_bound: float | None = None

    @classmethod
    def of(cls, problem: Problem, coupling: sparse.csr_array, **facts: object) -> Plan:
        """Evaluate the true cost of a coupling, pair by pair in float64, so no rounding of a solver enters it."""
        entries = coupling.tocoo()
        features, labels = problem.pair_costs(entries.row, entries.col)
        parts = Parts(float(entries.data @ features), float(entries.data @ labels))
        return cls(coupling, parts.features + parts.labels, parts, **facts)  # type: ignore[arg-type]

    @property
    def row_masses(self) -> np.ndarray:
        """(n,)"""
        return np.asarray(self.coupling.sum(axis=1)).ravel()

    @property
    def column_masses(self) -> np.ndarray:
        """(p,)"""
        return np.asarray(self.coupling.sum(axis=0)).ravel()

    @property
    def permutation(self) -> np.ndarray | None:
        """(n,) the column of each row when the plan is one-to-one, else None."""
        n, p = self.coupling.shape
        if n != p or self.coupling.nnz != n or np.any(np.diff(self.coupling.indptr) != 1):
            return None
        return self.coupling.indices

    def project(self, values: np.ndarray) -> np.ndarray:
        """Barycentric map: values of the p columns (p, ...) -> their plan-weighted mean for each row (n, ...)."""
        flat = values.reshape(len(values), -1)
        permutation = self.permutation
        if permutation is not None:
            return values[permutation].astype(np.float32)
        mass = np.maximum(self.row_masses, 1e-300)
        rows = sparse.diags_array(1 / mass) @ self.coupling  # (n, p), rows sum to one
        return (rows @ flat.astype(np.float32)).astype(np.float32).reshape(-1, *values.shape[1:])

    def project_labels(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """Labels (p,) of the columns -> soft labels (n, classes) of the rows."""
        return self.project(np.eye(classes, dtype=np.float32)[labels])
