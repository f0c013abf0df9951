"""Class-to-class distances: squared W2 between the feature laws of classes, and label vectors that realise them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.spatial.distance import cdist

from geosearch.errors import InvalidOption


class LabelDistance(Protocol):
    """How far apart two classes are, judged by their features."""

    def table(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        """C groups of rows (n_c, d) -> (C, C) float64 squared W2, symmetric, zero diagonal.

        Rows and columns of empty groups are NaN: such a class has no law.
        """
        ...


@dataclass(frozen=True)
class MeanLabels:
    """Squared distance of the class means only: the cheapest, blind to spread."""

    def table(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        means = np.stack([_mean(group) for group in groups])  # (C, d)
        return _symmetric(cdist(means, means, "sqeuclidean"))


@dataclass(frozen=True, eq=False)
class BoundedTable:
    """A label table and how far each entry may lie above the untruncated one.

    Attributes:
        table: (C, C) squared W2.
        error_bound: (C, C); the untruncated entry lies in [table - error_bound, table].
    """

    table: np.ndarray
    error_bound: np.ndarray


@dataclass(frozen=True)
class GaussianLabels:
    """Squared W2 between the Gaussians of two classes, without one matrix square root.

    W2^2 = |mu - mu'|^2 + tr S + tr S' - 2 ||L^T L'||_* for any factors S = L L^T, S' = L' L'^T: the nuclear
    norm of a small cross matrix. Works on classes of one image. Source: METHOD 1; Alvarez-Melis & Fusi 2020.

    Attributes:
        rank: keep only this many principal directions of each class; None keeps all of them.
            `bounded_table` says what that may cost.
    """

    rank: int | None = None

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank < 1:
            raise InvalidOption(f"GaussianLabels: rank must be at least 1 or None, got {self.rank}")

    def table(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        return self.bounded_table(groups).table

    def bounded_table(self, groups: Sequence[np.ndarray]) -> BoundedTable:
        """The table with the error bound of the rank truncation (zero when nothing is dropped)."""
        means = np.stack([_mean(group) for group in groups])  # (C, d)
        factors = [_factor(group, self.rank) for group in groups]
        traces = np.array([factor.trace if len(group) else np.nan for factor, group in zip(factors, groups)])
        dropped = np.array([factor.dropped for factor in factors])
        count = len(groups)
        overlap = np.zeros((count, count))
        for i in range(count):
            for j in range(i):
                cross = factors[i].rows @ factors[j].rows.T  # (r_i, d) @ (d, r_j)
                overlap[i, j] = overlap[j, i] = np.linalg.svd(cross, compute_uv=False).sum()
        np.fill_diagonal(overlap, traces)
        table = cdist(means, means, "sqeuclidean") + traces[:, None] + traces[None, :] - 2 * overlap
        kept = traces - dropped
        bound = 2 * (
            np.sqrt(np.outer(kept, dropped)) + np.sqrt(np.outer(dropped, kept)) + np.sqrt(np.outer(dropped, dropped))
        )
        np.fill_diagonal(bound, 0)
        return BoundedTable(_symmetric(np.maximum(table, 0)), bound)


@dataclass(frozen=True)
class ExactLabels:
    """Unregularised squared W2 between the samples of two classes.

    Attributes:
        max_per_class: use at most this many evenly spaced rows of each class.
    """

    max_per_class: int = 500

    def table(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        from geosearch.transport.solve import exact_value

        picked = [
            group[np.linspace(0, len(group) - 1, min(len(group), self.max_per_class)).astype(int)] for group in groups
        ]
        count = len(picked)
        table = np.zeros((count, count))
        for i in range(count):
            for j in range(i):
                empty = not len(picked[i]) or not len(picked[j])
                table[i, j] = table[j, i] = np.nan if empty else exact_value(picked[i], picked[j])
            if not len(picked[i]):
                table[i, i] = np.nan
        return table


@dataclass(frozen=True, eq=False)
class LabelVectors:
    """One vector per class whose squared distances stand for the label table.

    Attributes:
        vectors: (C, r) float64; classes without a law have the zero vector.
        distortion: root of the summed squared errors over the root of the summed squared entries, in [0, 1].
    """

    vectors: np.ndarray
    distortion: float


def label_vectors(table: np.ndarray) -> LabelVectors:
    """Classical multidimensional scaling of a (C, C) table of squared distances; NaN rows get no weight."""
    count = len(table)
    present = np.isfinite(np.diag(table))
    known = table[np.ix_(present, present)]
    if not len(known):
        return LabelVectors(np.zeros((count, 0)), 0.0)
    centred = known - known.mean(axis=0)[None, :] - known.mean(axis=1)[:, None] + known.mean()
    values, basis = np.linalg.eigh(-centred / 2)
    keep = values > 1e-10 * max(values[-1], 1e-300)
    vectors = np.zeros((count, int(keep.sum())))
    vectors[present] = basis[:, keep] * np.sqrt(values[keep])
    realised = cdist(vectors[present], vectors[present], "sqeuclidean")
    scale = float(np.linalg.norm(known))
    return LabelVectors(vectors, float(np.linalg.norm(realised - known)) / scale if scale > 0 else 0.0)


@dataclass(frozen=True, eq=False)
class _Factor:
    rows: np.ndarray  # (r, d) with rows.T @ rows = covariance, truncated
    trace: float
    dropped: float


def _factor(group: np.ndarray, rank: int | None) -> _Factor:
    """Rows R with R^T R = covariance of the group: (n, d) -> (min(n, d, rank), d)."""
    if not len(group):
        return _Factor(np.zeros((1, group.shape[1])), 0.0, 0.0)
    rows = (group - _mean(group)).astype(np.float64) / np.sqrt(len(group))
    trace = float(np.square(rows).sum())
    n, d = rows.shape
    limit = min(n, d) if rank is None else min(n, d, rank)
    if limit == n:
        return _Factor(rows, trace, 0.0)
    values, basis = np.linalg.eigh(rows.T @ rows if d <= n else rows @ rows.T)
    values, basis = np.clip(values[::-1][:limit], 0, None), basis[:, ::-1][:, :limit]
    if d <= n:
        kept = np.sqrt(values)[:, None] * basis.T
    else:
        kept = basis.T @ rows
    return _Factor(kept, trace, 0.0 if limit == min(n, d) else max(trace - float(values.sum()), 0.0))


def _mean(group: np.ndarray) -> np.ndarray:
    return group.mean(axis=0, dtype=np.float64) if len(group) else np.full(group.shape[1], np.nan)


def _symmetric(table: np.ndarray) -> np.ndarray:
    """Symmetric with zero diagonal; the diagonal of a class without a law stays NaN."""
    table = (table + table.T) / 2
    np.fill_diagonal(table, np.where(np.isnan(np.diag(table)), np.nan, 0.0))
    return table
