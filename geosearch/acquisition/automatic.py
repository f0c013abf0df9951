"""Automatic: typical images while labels are few, uncertain ones later."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from geosearch.acquisition.base import ACQUISITIONS, Acquisition, LabelState
from geosearch.acquisition.typical import Typical
from geosearch.acquisition.uncertain import Uncertain

SWITCH = 32.0  # labels a class: reports/next-labels.md


@ACQUISITIONS.register("automatic", "typical while labels are few, uncertain later")
@dataclass(frozen=True)
class Automatic:
    """Choose typical images up to a number of labels a class, and uncertain ones from there on.

    Attributes:
        switch: labels a class, on average, from which on images are chosen by `late`.
        early, late: the two strategies.

    Example:
        >>> state = LabelState(np.zeros((9, 2)), np.zeros((4, 2)), np.array([0, 0, 1, 1]), class_count=2)
        >>> type(Automatic().strategy(state)).__name__
        'Typical'
    """

    switch: float = SWITCH
    early: Acquisition = field(default_factory=Typical)
    late: Acquisition = field(default_factory=Uncertain)

    def strategy(self, state: LabelState) -> Acquisition:
        """The strategy that is used."""
        return self.early if state.labels_per_class < self.switch else self.late

    def choose(self, state: LabelState, count: int, *, seed: int) -> np.ndarray:
        """Rows (count,) of the unlabelled images, as the strategy chooses them."""
        return self.strategy(state).choose(state, count, seed=seed)
