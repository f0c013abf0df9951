"""Problem: two labelled measures and the ground cost between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np

from geosearch.errors import InvalidDataError

if TYPE_CHECKING:
    import torch

Rows: TypeAlias = Union[np.ndarray, "torch.Tensor"]
ClassVectors: TypeAlias = tuple[np.ndarray, np.ndarray]  # (c, r) and (c2, r)


@dataclass(frozen=True, eq=False)
class Problem:
    """The optimal transport problem from (x, y) to (x2, y2) with ground cost lx |x - x'|^2 + ly table[y, y'].

    Attributes:
        x: (n, d) features, NumPy or torch; torch features stay on their device.
        y: (n,) labels 0..c-1.
        x2: (p, d) features of the other set.
        y2: (p,) labels 0..c2-1.
        table: (c, c2) squared distances between classes; None for a label cost of 0.
        feature_weight: lx.
        label_weight: ly.
        a: (n,) masses summing to one; uniform if None.
        b: (p,) masses summing to one; uniform if None.
        vectors: label vectors (c, r) and (c2, r), or a function that computes them when `embedded` needs them.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import Problem
        >>> rng = np.random.default_rng(0)
        >>> problem = Problem.plain(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
        >>> problem.shape, problem.cost().shape
        ((50, 50), (50, 50))
    """

    x: Rows
    y: np.ndarray
    x2: Rows
    y2: np.ndarray
    table: np.ndarray | None = None
    feature_weight: float = 1.0
    label_weight: float = 1.0
    a: np.ndarray | None = None
    b: np.ndarray | None = None
    vectors: ClassVectors | Callable[[], ClassVectors] | None = None

    @classmethod
    def plain(cls, x: Rows, x2: Rows, *, a: np.ndarray | None = None, b: np.ndarray | None = None) -> Problem:
        """Squared-Euclidean transport of (n, d) to (p, d), without labels."""
        return cls(x, np.zeros(len(x), np.int64), x2, np.zeros(len(x2), np.int64), a=a, b=b)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)"""
        return len(self.x), len(self.x2)

    @cached_property
    def masses(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) and (p,) float64 marginals."""
        n, p = self.shape
        return (
            np.full(n, 1 / n) if self.a is None else np.asarray(self.a, np.float64),
            np.full(p, 1 / p) if self.b is None else np.asarray(self.b, np.float64),
        )

    @property
    def one_to_one(self) -> bool:
        """Whether sizes are equal and masses uniform, so that some optimal plan is a permutation."""
        return len(self.x) == len(self.x2) and self.a is None and self.b is None

    def cost(self, dtype: type = np.float64) -> np.ndarray:
        """The (n, p) ground cost, computed by one matrix product."""
        import torch

        u, v = self.factors(dtype=torch.float64 if dtype is np.float64 else torch.float32)
        return (u @ v.T).clamp_(min=0).cpu().numpy()  # (n, k) @ (k, p)

    def factors(
        self, *, dtype: torch.dtype, device: str = "cpu", basis: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Factors u (n, k) and v (p, k) of the cost matrix u @ v.T.

        u = (-2 lx x, lx |x|^2, 1, ly table[y]),  v = (x', 1, lx |x'|^2, onehot(y')), both centered at their
        common mean, for the precision of float32.

        Args:
            dtype: dtype of the factors.
            device: device of the factors.
            basis: (d, r) orthonormal; the inner products x.x' are taken of the projections, the norms stay
                exact, so the cost is off by 2 lx <x, x'> of what the basis leaves out.
        """
        import torch

        x, x2 = (torch.as_tensor(rows, device=device) for rows in (self.x, self.x2))
        middle = (x.mean(0, dtype=torch.float64) + x2.mean(0, dtype=torch.float64)) / 2
        exact = torch.promote_types(torch.promote_types(x.dtype, x2.dtype), dtype)
        x, x2 = x.to(exact) - middle.to(exact), x2.to(exact) - middle.to(exact)
        norm, norm2 = (torch.einsum("nd,nd->n", rows, rows).to(dtype) for rows in (x, x2))
        if basis is not None:
            x, x2 = x.to(basis.dtype) @ basis, x2.to(basis.dtype) @ basis
        d, extra = x.shape[1], 2 if self.table is None else 2 + self.table.shape[1]
        u, v = (torch.empty(len(rows), d + extra, dtype=dtype, device=device) for rows in (x, x2))
        torch.mul(x.to(dtype), -2 * self.feature_weight, out=u[:, :d])
        v[:, :d] = x2.to(dtype)
        u[:, d], u[:, d + 1] = self.feature_weight * norm, 1
        v[:, d], v[:, d + 1] = 1, self.feature_weight * norm2
        if self.table is not None:
            table = torch.as_tensor(self.label_weight * np.nan_to_num(self.table), dtype=dtype, device=device)
            u[:, d + 2 :] = table[torch.as_tensor(self.y, device=device)]
            v[:, d + 2 :] = torch.eye(table.shape[1], dtype=dtype, device=device)[
                torch.as_tensor(self.y2, device=device)
            ]
        return u, v

    def pair_costs(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Feature and label costs of k pairs, computed in float64: ((k,), (k,))."""
        import torch

        x, x2 = torch.as_tensor(self.x), torch.as_tensor(self.x2)
        i, j = (torch.as_tensor(np.asarray(index, np.int64), device=x.device) for index in (rows, columns))
        features = torch.empty(len(i), dtype=torch.float64, device=x.device)
        for part in torch.arange(len(i), device=x.device).split(2048):
            gap = x[i[part]].double() - x2[j[part]]
            features[part] = torch.einsum("kd,kd->k", gap, gap)
        labels = np.zeros(len(rows))
        if self.table is not None:
            labels = self.label_weight * np.nan_to_num(self.table)[self.y[rows], self.y2[columns]]
        return self.feature_weight * features.cpu().numpy(), labels

    def embedded(self) -> Problem:
        """The same problem in z = (sqrt(lx) x, sqrt(ly) e_y): squared-Euclidean transport.

        Raises:
            InvalidDataError: the problem has no label vectors.
        """
        if self.vectors is None:
            raise InvalidDataError(
                "this problem has no label vectors; give vectors=(first set's, second's) to embed it"
            )
        e, e2 = self.vectors() if callable(self.vectors) else self.vectors
        lx, ly = float(np.sqrt(self.feature_weight)), float(np.sqrt(self.label_weight))
        z, z2 = _joined(lx, self.x, ly * e[self.y]), _joined(lx, self.x2, ly * e2[self.y2])
        return replace(Problem.plain(z, z2), a=self.a, b=self.b)

    def restrict(
        self, rows: np.ndarray, columns: np.ndarray, a: np.ndarray | None = None, b: np.ndarray | None = None
    ) -> Problem:
        """The same cost between some rows and some columns, with masses (k,) and (l,); uniform if None."""
        return replace(self, x=self.x[rows], y=self.y[rows], x2=self.x2[columns], y2=self.y2[columns], a=a, b=b)


def linear_bytes(problem: Problem, arcs: int) -> int:
    """Memory estimate of what grows with n + p: float32 factors, the pairs in use, a few blocks."""
    n, p = problem.shape
    return (n + p) * (12 * problem.x.shape[1] + 200 * (arcs + 10)) + 2**26


def _joined(scale: float, x: Rows, vectors: np.ndarray) -> Rows:
    """(scale x, vectors) side by side, in the library and the precision of x."""
    if isinstance(x, np.ndarray):
        return np.concatenate([scale * x, vectors], axis=1, dtype=np.result_type(x.dtype, np.float32))
    import torch

    return torch.cat([scale * x, torch.as_tensor(vectors, dtype=x.dtype, device=x.device)], dim=1)
