"""Acquisition: the contract of every strategy that selects which images to label next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch.runtime.registry import Choice


@dataclass(frozen=True, eq=False)
class LabelState:
    """The labelled and the unlabelled images of a target, as features.

    Attributes:
        unlabelled: float (n, d), features of the images that may be chosen.
        labelled: float (k, d), features of the labelled images; k may be 0.
        labels: int64 (k,), their classes, 0..c-1.
        class_count: c.

    Example:
        >>> state = LabelState(np.zeros((9, 2)), np.zeros((4, 2)), np.array([0, 0, 1, 1]), class_count=2)
        >>> state.labels_per_class
        2.0
    """

    unlabelled: np.ndarray
    labelled: np.ndarray
    labels: np.ndarray
    class_count: int

    @property
    def labels_per_class(self) -> float:
        """Mean number of labelled images of a class."""
        return len(self.labels) / self.class_count


class Acquisition(Protocol):
    """A strategy that selects images for labelling."""

    def choose(self, state: LabelState, count: int, *, seed: int) -> np.ndarray:
        """Select images.

        Args:
            state: what is labelled, and what is not.
            count: number of images, from 1 to n.
            seed: seed of everything random in the selection.

        Returns:
            int64 (count,), different rows of `state.unlabelled`, the one to label first in front.
        """
        ...


ACQUISITIONS: Choice[Acquisition] = Choice(
    "next.strategy",
    default="automatic",
    meaning="Which unlabelled images to label next.",
    room="geosearch.acquisition",
)
