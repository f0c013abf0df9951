"""Predictions: what the trainings of all rows predict; with the truth, they become the rows of a confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.cross_validation import class_weights
from geosearch.confirmation.candidates.base import Candidate
from geosearch.confirmation.intervals import bootstrap_half_width, cross_fitted_half_width
from geosearch.confirmation.row import BEST, Row
from geosearch.confirmation.row_request import RowRequest

ByRow = Mapping[str, Mapping[str, np.ndarray]]  # row -> adaptation -> (k, n), of k trainings and n images


class Adapting(Protocol):
    """What knows the adaptations of a candidate."""

    def adaptations_of(self, candidate: Candidate) -> Mapping[str, Adaptation]:
        """Name -> adaptation."""
        ...


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted classes of the images that judge.

    Attributes:
        classes: row -> adaptation -> int64 (k, n), of k trainings and n images.
        wall_seconds: row -> training and scoring, summed over the trainings.
    """

    classes: ByRow
    wall_seconds: Mapping[str, float]

    def score(self, truth: np.ndarray, *, in_folds: bool = False, answer: str = "") -> Scored:
        """Compare with the true classes int64 (n,).

        Args:
            truth: the true classes.
            in_folds: whether the images are labels, each predicted without its fold (see `cross_fitted_half_width`).
            answer: name of the row that is the answer in place of the best mixture; empty if none is.
        """
        return Scored(self, truth, in_folds, answer)


@dataclass(frozen=True, eq=False)
class Scored:
    """Predictions and the truth."""

    predictions: Predictions
    truth: np.ndarray
    in_folds: bool
    answer: str = ""

    def row(self, request: RowRequest, adapting: Adapting) -> Row:
        """A row: its errors, and their intervals and those of its difference to the best mixture."""
        candidate, classes = request.candidate, self.predictions.classes
        adaptations = adapting.adaptations_of(candidate).items()
        wrong = {name: (found != self.truth).astype(float) for name, found in classes[request.name].items()}
        gaps, answer_gaps = (
            {name: (first[name] != self.truth) - own for name, own in wrong.items() if name in first}
            for first in (classes[BEST], classes.get(self.answer, {}))
        )
        return Row(
            request.name,
            {name: tuple(own.mean(1).tolist()) for name, own in wrong.items()},
            self.predictions.wall_seconds[request.name],
            request.kind,
            request.label,
            {name: candidate.networks(how) for name, how in adaptations},
            {name: candidate.unlabelled_images(how) for name, how in adaptations},
            self._half_widths(wrong, (0.0, 1.0)),
            self._half_widths(gaps, (-1.0, 1.0)),
            {
                name: tuple(balanced_error(one, self.truth) for one in found)
                for name, found in classes[request.name].items()
            },
            self._half_widths({name: own * class_weights(self.truth, 1) for name, own in wrong.items()}, (0.0, 1.0)),
            getattr(candidate, "interpolation", None),
            self._half_widths(answer_gaps, (-1.0, 1.0)),
        )

    def _half_widths(self, values: Mapping[str, np.ndarray], pseudo: tuple[float, float]) -> dict[str, float]:
        """Adaptation -> half the interval; none with a single training on all labels."""
        if self.in_folds:
            return {name: cross_fitted_half_width(one, pseudo) for name, one in values.items()}
        return {name: bootstrap_half_width(one) for name, one in values.items() if len(one) > 1}


def balanced_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the classes that occur of the error in each, in [0, 1].

    >>> balanced_error(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
    0.5
    """
    wrong = predicted != truth
    return float(np.mean([wrong[truth == label].mean() for label in np.unique(truth)]))
