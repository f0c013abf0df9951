"""Problem: what is asked of a solver. Two labelled measures and the ground cost between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from geosearch.errors import InvalidData


@dataclass(frozen=True, eq=False)
class Problem:
    """Move (x, y) onto (x2, y2) at the least mean cost  lx |x - x'|^2 + ly table[y, y'].

    Attributes:
        x: (n, d) features.
        y: (n,) labels 0..c-1.
        x2: (p, d) features of the other set.
        y2: (p,) labels 0..c2-1.
        table: (c, c2) squared distances between classes; None when labels cost nothing.
        feature_weight: lx.
        label_weight: ly.
        a: (n,) masses summing to one; uniform if None.
        b: (p,) masses summing to one; uniform if None.
        vectors: (c, r) and (c2, r) label vectors, for `embedded`.
    """

    x: np.ndarray
    y: np.ndarray
    x2: np.ndarray
    y2: np.ndarray
    table: np.ndarray | None = None
    feature_weight: float = 1.0
    label_weight: float = 1.0
    a: np.ndarray | None = None
    b: np.ndarray | None = None
    vectors: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def plain(
        cls, x: np.ndarray, x2: np.ndarray, *, a: np.ndarray | None = None, b: np.ndarray | None = None
    ) -> Problem:
        """Squared-Euclidean transport of (n, d) onto (p, d), without labels (z is given)."""
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
        """Equal sizes and uniform masses: an optimal plan is a permutation."""
        return len(self.x) == len(self.x2) and self.a is None and self.b is None

    def memory_bytes(self, dtype: type = np.float64) -> int:
        """Bytes of the full (n, p) cost matrix."""
        n, p = self.shape
        return n * p * np.dtype(dtype).itemsize

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, d + 2 + c2) and (p, d + 2 + c2), so that the whole cost is one product u @ v.T.

        u = (-2 lx (x - m), |.|^2, 1, ly table[y]),  v = (x2 - m, 1, |.|^2, onehot(y2)), m the common mean,
        which is taken off so that float32 keeps its digits.
        """
        middle = (self.x.mean(axis=0, dtype=np.float64) + self.x2.mean(axis=0, dtype=np.float64)) / 2
        x, x2 = self.x - middle, self.x2 - middle
        lx = self.feature_weight
        u = [-2 * lx * x, lx * np.square(x).sum(1, keepdims=True), np.ones((len(x), 1))]
        v = [x2, np.ones((len(x2), 1)), lx * np.square(x2).sum(1, keepdims=True)]
        if self.table is not None:
            u.append(self.label_weight * np.nan_to_num(self.table)[self.y])
            v.append(np.eye(self.table.shape[1])[self.y2])
        return np.concatenate(u, axis=1), np.concatenate(v, axis=1)

    def cost(self, dtype: type = np.float64) -> np.ndarray:
        """(n, p) ground cost by one matrix product."""
        u, v = self.factors()
        matrix = u.astype(dtype) @ v.astype(dtype).T  # (n, k) @ (k, p)
        return np.maximum(matrix, 0, out=matrix)

    def pair_costs(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Feature and label cost of k pairs, by differences in float64: ((k,), (k,))."""
        features = np.empty(len(rows))
        for start in range(0, len(rows), 4096):
            part = slice(start, start + 4096)
            gap = self.x[rows[part]].astype(np.float64) - self.x2[columns[part]]
            features[part] = np.einsum("kd,kd->k", gap, gap)
        labels = np.zeros(len(rows))
        if self.table is not None:
            labels = self.label_weight * np.nan_to_num(self.table)[self.y[rows], self.y2[columns]]
        return self.feature_weight * features, labels

    def embedded(self) -> Problem:
        """The same question in z = (sqrt(lx) x, sqrt(ly) e_y): ordinary squared-Euclidean transport."""
        if self.vectors is None:
            raise InvalidData("this problem has no label vectors; give vectors=(target's, source's) to embed it")
        e, e2 = self.vectors
        lx, ly = np.sqrt(self.feature_weight), np.sqrt(self.label_weight)
        z = np.concatenate([lx * self.x, ly * e[self.y]], axis=1)
        z2 = np.concatenate([lx * self.x2, ly * e2[self.y2]], axis=1)
        return replace(Problem.plain(z, z2), a=self.a, b=self.b)
