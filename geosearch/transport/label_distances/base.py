"""The contract of distances between classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np

from geosearch.runtime.registry import Choice

REMEDY = "lower domain.samples (samples=), use an embedding of fewer dimensions, or merge classes"

Groups: TypeAlias = Sequence[np.ndarray]  # one (n_c, d) array of features per class


class LabelDistance(Protocol):
    """The contract of distances between classes."""

    def table(self, groups: Groups, others: Groups | None = None) -> np.ndarray:
        """Squared W2 between classes, float64: (C, C) of `groups`, or (C, C2) of `groups` against `others`.

        The square table is symmetric with a zero diagonal. Rows and columns of empty groups are NaN.

        Raises:
            TooLargeError: the estimated memory exceeds the limit; raised before anything is allocated.
        """
        ...


LABEL_DISTANCES: Choice[LabelDistance] = Choice(
    "transport.label_distance",
    default="gaussian",
    meaning="Distance between two classes.",
    room="geosearch.transport.label_distances",
)


def class_pairs(count: int, count2: int, *, square: bool) -> list[tuple[int, int]]:
    """(i, j) of all pairs of classes; in a square table, of those not above the diagonal."""
    return [(i, j) for i in range(count) for j in range(i + 1 if square else count2) if not square or i >= j]


def symmetrize(table: np.ndarray) -> np.ndarray:
    """Symmetrize from the lower triangle; the diagonal is zero, or NaN for empty classes."""
    lower = np.tril(table, -1)
    return lower + lower.T + np.diag(np.where(np.isnan(np.diag(table)), np.nan, 0.0))
