"""Squared W2 between the samples of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.errors import InvalidOptionError
from geosearch.runtime import memory
from geosearch.transport.label_distances.base import LABEL_DISTANCES, REMEDY, Groups, class_pairs, symmetrize


@LABEL_DISTANCES.register("exact", "W2 of the samples")
@dataclass(frozen=True)
class ExactLabels:
    """Exact squared W2 between the samples of two classes, which is above that of their distributions.

    Attributes:
        max_per_class: largest number of (evenly spaced) rows per class.

    Raises:
        InvalidOptionError: `max_per_class` is less than 1.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import ExactLabels
        >>> groups = [np.zeros((5, 2)), np.ones((4, 2))]  # features of two classes
        >>> ExactLabels().table(groups).round(6).tolist()
        [[0.0, 2.0], [2.0, 0.0]]
    """

    max_per_class: int = 500

    def __post_init__(self) -> None:
        if self.max_per_class < 1:
            raise InvalidOptionError(f"ExactLabels: max_per_class must be at least 1, got {self.max_per_class}")

    def table(self, groups: Groups, others: Groups | None = None) -> np.ndarray:
        from geosearch.transport.solution import squared_wasserstein

        every, d = [*groups, *(others or ())], groups[0].shape[1]
        rows = sum(min(len(group), self.max_per_class) for group in every)
        memory.require(
            8 * rows * d + 24 * len(groups) * len(others or groups),
            f"an exact table of {len(groups)} x {len(others or groups)} classes, {rows} images in {d} dimensions",
            f"{REMEDY}, or use ExactLabels with fewer max_per_class",
        )
        left = [self._subsample(group) for group in groups]
        right = left if others is None else [self._subsample(group) for group in others]
        table = np.zeros((len(left), len(right)))
        for i, j in class_pairs(len(left), len(right), square=others is None):
            one, other = left[i], right[j]
            table[i, j] = squared_wasserstein(one, other) if len(one) and len(other) else np.nan
        return symmetrize(table) if others is None else table

    def _subsample(self, group: np.ndarray) -> np.ndarray:
        count = min(len(group), self.max_per_class)
        return group[np.linspace(0, len(group) - 1, count).astype(int)]
