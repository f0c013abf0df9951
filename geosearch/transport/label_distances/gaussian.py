"""Squared W2 between normal distributions fitted to the classes."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import threadpool_info, threadpool_limits

from geosearch.errors import InvalidOptionError
from geosearch.runtime import memory
from geosearch.transport.label_distances.base import LABEL_DISTANCES, REMEDY, Groups, class_pairs, symmetrize

_EXTRAPOLATION = 1.5  # 1 / (2^rate - 1) of an error that falls as n^-rate, rate 0.74
_BASIS_ROWS = 500  # rows per class from which the principal directions are computed


@dataclass(frozen=True, eq=False)
class BoundedTable:
    """A table of label distances, with bounds of the error from truncating the rank.

    Attributes:
        table: squared W2, (C, C) or (C, C2).
        error_bound: same shape; largest distance of each entry from the one without truncation.
    """

    table: np.ndarray
    error_bound: np.ndarray


@LABEL_DISTANCES.register("gaussian", "W2 of normal distributions with the classes' means and covariances")
@dataclass(frozen=True)
class GaussianLabels:
    """Squared W2 between Gaussians fitted to the classes, computed without matrix square roots.

    W2^2 = |mu - mu'|^2 + tr S + tr S' - 2 ||L^T L'||_* for any factors S = L L^T, S' = L' L'^T: the nuclear
    norm of a small cross matrix. Also for classes of one image. The precision follows that of the features: in
    float64 by singular values, in float32 by the eigenvalues of the Gram matrix of the cross matrix, six times faster
    and accurate to 1e-6. Source: Alvarez-Melis & Fusi 2020.

    Of few images W2^2 is too large, as the nuclear norm is too small: it is extrapolated from that of half the images,
    F + 1.5 (F - F_half), at most sqrt(tr S tr S'). The other terms have no bias together: tr S falls short by what the
    sampling of the mean adds. The factor was chosen on MNIST and KMNIST at 10 to 150 images a class.

    Attributes:
        debiased: extrapolate; False for W2 of the Gaussians with the classes' own moments.
        rank: number of principal directions, of all classes of a table, in which the cross term is computed; None for
            all. `bounded_table` bounds the error. Means and traces are never truncated.

    Raises:
        InvalidOptionError: `rank` is less than 1.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import GaussianLabels
        >>> groups = [np.zeros((5, 2)), np.ones((4, 2))]  # features of two classes
        >>> GaussianLabels().table(groups).round(6).tolist()
        [[0.0, 2.0], [2.0, 0.0]]
    """

    rank: int | None = None
    debiased: bool = True

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank < 1:
            raise InvalidOptionError(f"GaussianLabels: rank must be at least 1 or None, got {self.rank}")

    def table(self, groups: Groups, others: Groups | None = None) -> np.ndarray:
        return self.bounded_table(groups, others).table

    def bounded_table(self, groups: Groups, others: Groups | None = None) -> BoundedTable:
        """The table with bounds of the error from truncating the rank; zero without truncation."""
        self._require_memory(groups, others or ())
        basis = self._basis([*groups, *(others or ())])

        def fitted(group: np.ndarray) -> _Gaussian:
            return _Gaussian.of(group, basis, halve=self.debiased)

        with _parallel_map() as run:
            gaussians = list(run(fitted, groups))
            gaussians2 = gaussians if others is None else list(run(fitted, others))
            places = class_pairs(len(gaussians), len(gaussians2), square=others is None)
            found = list(run(lambda pair: gaussians[pair[0]].to(gaussians2[pair[1]]), places))
        table, bound = (np.zeros((len(gaussians), len(gaussians2))) for _ in range(2))
        for (i, j), entry in zip(places, found, strict=True):
            table[i, j], bound[i, j] = entry
        return BoundedTable(symmetrize(table), symmetrize(bound)) if others is None else BoundedTable(table, bound)

    def _require_memory(self, groups: Groups, others: Groups) -> None:
        """Factors, decompositions in progress, and the entries of the table."""
        every, d = [*groups, *others], groups[0].shape[1]
        r = min(max(len(group) for group in every), d, self.rank or d)
        width = min(self.rank or d, d)
        itemsize = 4 if groups[0].dtype == np.float32 else 8
        largest = max(len(group) for group in every)
        factors = sum(min(len(group), width) for group in every) * width * itemsize * (2 if self.debiased else 1)
        work = _workers() * (3 * largest * d * itemsize + 40 * r * r)
        entries = 300 * len(groups) * (len(others) or len(groups))
        memory.require(
            factors + work + entries + (24 * d * d if width < d else 0),
            f"a Gaussian table of {len(groups)} x {len(others) or len(groups)} classes in {d} dimensions",
            f"{REMEDY}, or use MeanLabels() or GaussianLabels(rank=64)",
        )

    def _basis(self, groups: Groups) -> np.ndarray | None:
        """(d, rank) principal directions of the spread within classes, or None without truncation."""
        d = groups[0].shape[1]
        if self.rank is None or self.rank >= d:
            return None
        scatter = np.zeros((d, d))
        for group in groups:
            rows = group[:: -(-len(group) // _BASIS_ROWS) or 1].astype(np.float64)
            rows = (rows - rows.mean(axis=0)) / np.sqrt(max(len(rows), 1)) if len(rows) else rows
            scatter += rows.T @ rows
        return eigh(scatter, subset_by_index=(d - self.rank, d - 1))[1]


@dataclass(frozen=True, eq=False)
class _Factor:
    """factor.T @ factor is a covariance, projected on a basis if there is one."""

    rows: np.ndarray  # (r, d), or (r, rank) in a basis
    trace: float
    dropped: float  # of the trace

    @classmethod
    def of(cls, group: np.ndarray, mean: np.ndarray, basis: np.ndarray | None) -> _Factor:
        rows = (group - mean.astype(group.dtype)) / group.dtype.type(np.sqrt(len(group)))
        trace, dropped = _sum_of_squares(rows), 0.0
        if basis is not None:
            rows = rows @ basis.astype(rows.dtype)  # (n, d) @ (d, r)
            dropped = max(trace - _sum_of_squares(rows), 0.0)
        n, r = rows.shape
        return cls(np.asarray(np.linalg.qr(rows, mode="r")) if n > r else rows, trace, dropped)

    def overlap(self, other: _Factor) -> tuple[float, float]:
        """The nuclear norm of the cross matrix, and how much the truncated directions may add to it."""
        lost = np.sqrt(self.dropped * other.dropped)  # Cauchy-Schwarz
        return _nuclear_norm(self.rows @ other.rows.T), float(lost)


@dataclass(frozen=True, eq=False)
class _Gaussian:
    """Mean and covariance of a class, and the covariances of two halves of it."""

    rows: np.ndarray  # (n, d) as given
    mean: np.ndarray  # (d,)
    factor: _Factor
    halves: tuple[_Factor, ...]  # two, or none

    @classmethod
    def of(cls, group: np.ndarray, basis: np.ndarray | None, *, halve: bool) -> _Gaussian:
        group = group if group.dtype == np.float32 else group.astype(np.float64)
        if not len(group):
            return cls(group, np.full(group.shape[1], np.nan), _Factor(group, np.nan, 0.0), ())
        mean = group.mean(axis=0, dtype=np.float64)
        whole = _Factor.of(group, mean, basis)
        if not halve or len(group) < 2:
            return cls(group, mean, whole, (whole, whole) if halve else ())
        order = np.argsort(
            [zlib.crc32(row.tobytes()) for row in group.astype(np.float32)], kind="stable"
        )  # whatever the rows' order was
        parts = (group[order[0::2]], group[order[1::2]])
        return cls(group, mean, whole, tuple(_Factor.of(part, part.mean(0, dtype=np.float64), basis) for part in parts))

    def to(self, other: _Gaussian) -> tuple[float, float]:
        """Squared W2 and its error bound."""
        if not len(self.rows) or not len(other.rows):
            return np.nan, np.nan
        if self.rows.shape == other.rows.shape and np.array_equal(self.rows, other.rows):
            return 0.0, 0.0
        gap = self.mean - other.mean
        traces = self.factor.trace + other.factor.trace
        overlap, lost = self.factor.overlap(other.factor)
        base = float(gap @ gap) + traces
        noise = 8 * np.finfo(self.factor.rows.dtype).eps * traces  # rounding of the two terms that cancel
        if self.halves and base - 2 * overlap > noise:
            found = [one.overlap(two) for one, two in zip(self.halves, other.halves, strict=True)]
            half, lost_half = (sum(part) / 2 for part in zip(*found, strict=True))
            highest = max(float(np.sqrt(self._trace() * other._trace())), overlap)
            overlap = min(overlap + _EXTRAPOLATION * max(overlap - half, 0.0), highest)
            lost = (1 + _EXTRAPOLATION) * lost + _EXTRAPOLATION * lost_half
        value = base - 2 * overlap
        return (value if value > noise else 0.0), 2 * lost

    def _trace(self) -> float:
        """The trace without bias."""
        n = len(self.rows)
        return self.factor.trace * n / max(n - 1, 1)


def _sum_of_squares(rows: np.ndarray) -> float:
    """Sum of squares."""
    return float(np.einsum("nd,nd->", rows, rows, dtype=np.float64))


def _nuclear_norm(cross: np.ndarray) -> float:
    """Sum of the singular values of (r, r2)."""
    if cross.dtype == np.float64:
        return float(np.linalg.svd(cross, compute_uv=False).sum())
    wide = cross.astype(np.float64)
    gram = wide @ wide.T if len(wide) <= wide.shape[1] else wide.T @ wide
    return float(np.sqrt(np.clip(np.linalg.eigvalsh(gram), 0, None)).sum())


def _workers() -> int:
    return max((library["num_threads"] for library in threadpool_info()), default=1)


_TABLE_LOCK = threading.Lock()  # the thread limit below is global to the process


@contextmanager
def _parallel_map() -> Iterator[Callable[..., Iterator[Any]]]:
    """A parallel map for small decompositions, each on one thread, since LAPACK gains little from more."""
    with _TABLE_LOCK, ThreadPoolExecutor(_workers()) as pool, threadpool_limits(1):
        yield pool.map
