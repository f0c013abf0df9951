"""Squared distance of the class means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from geosearch.runtime import memory
from geosearch.transport.label_distances.base import LABEL_DISTANCES, REMEDY, Groups, symmetrize


@LABEL_DISTANCES.register("means", "distance of the means")
@dataclass(frozen=True)
class MeanLabels:
    """Squared distance of the class means; the cheapest, ignores the spread of the classes.

    Attributes:
        debiased: subtract the sampling variance tr S / n of both means; the result is not below 0.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import MeanLabels
        >>> groups = [np.zeros((5, 2)), np.ones((4, 2))]  # features of two classes
        >>> MeanLabels().table(groups).round(6).tolist()
        [[0.0, 2.0], [2.0, 0.0]]
    """

    debiased: bool = True

    def table(self, groups: Groups, others: Groups | None = None) -> np.ndarray:
        right = groups if others is None else others
        count = len(groups) + len(right)
        memory.require(
            16 * count * groups[0].shape[1] + 32 * len(groups) * len(right),
            f"a table of {len(groups)} x {len(right)} classes",
            REMEDY,
        )
        table = cdist(_means(groups), _means(right), "sqeuclidean")
        if self.debiased:
            table = np.maximum(table - _mean_variances(groups)[:, None] - _mean_variances(right), 0)
        return symmetrize(table) if others is None else table


def _means(groups: Groups) -> np.ndarray:
    """(C, d), NaN for empty groups."""
    empty = np.full(groups[0].shape[1], np.nan)
    return np.stack([group.mean(axis=0, dtype=np.float64) if len(group) else empty for group in groups])


def _mean_variances(groups: Groups) -> np.ndarray:
    """(C,) sampling variance tr S / n of the means; 0 for groups of one row, which tell none."""
    spread = (float(group.var(axis=0, dtype=np.float64).sum()) if len(group) > 1 else 0.0 for group in groups)
    return np.array([one / max(len(group) - 1, 1) for one, group in zip(spread, groups, strict=True)])
