"""ConfirmationRecord: a confirmation as a study database keeps it, together with what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from geosearch.confirmation.background import PastConfirmation
from geosearch.confirmation.confirmation import Confirmation
from geosearch.runtime.json_records import from_json, to_json
from geosearch.search.study_record import StudyRecord
from geosearch.search.trial_record import NO_TRIAL


@dataclass(frozen=True)
class ConfirmationRecord:
    """Which rows were trained, and what came of it.

    Attributes:
        trial: number of the best trial at that time.
        seeds: trainings of each row.
        variants: of the best mixture, by their names in study files.
        finalists: numbers of the trials whose mixtures a variant uses as well, the best first.
        controls: by their names in study files.
        tuning: settings of the adaptation that were tried for each kind of start.
        folds, repeats: of a cross-fitting; 0 with a test part.
        union_stages: of the deep union; 0 without one.
        union_trainings: whose weights the deep union is the mean of; 0 without one, and in older records.
        union_interpolation: how far the deep union is taken by all labels, 0 to 1; None in a request, or without one.
        stopped: whether the search had ended after its baselines, so that the answer goes by no error of a mixture.
        result: errors on the test part; None in a request.

    >>> request = ConfirmationRecord(trial=7, seeds=3)
    >>> result = Confirmation((), "ridge", seeds=(1, 2, 3), test_size=1000)
    >>> replace(request, result=result).answers(request)
    True
    """

    trial: int
    seeds: int
    variants: tuple[str, ...] = ()
    finalists: tuple[int, ...] = ()
    controls: tuple[str, ...] = ()
    tuning: int = 0
    folds: int = 0
    repeats: int = 0
    union_stages: int = 0
    union_trainings: int = 0
    union_interpolation: float | None = None
    stopped: bool = False
    result: Confirmation | None = None

    def answers(self, request: ConfirmationRecord) -> bool:
        """Whether the rows are those of a request, so that nothing has to be trained again."""
        if self.result is None or bool(self.union_stages) != (self.union_interpolation is not None):
            return False
        chosen: dict[str, Any] = {"result": None, "union_interpolation": None}
        return replace(self, **chosen) == replace(request, **chosen)

    @classmethod
    def of(cls, study: StudyRecord) -> ConfirmationRecord | None:
        """The confirmation that a study keeps; None before its first one.

        Raises:
            ValueError: it holds something else.
        """
        return None if study.confirmation is None else from_json(cls, study.confirmation)

    @property
    def past(self) -> tuple[PastConfirmation, ...]:
        """All confirmations so far, this one included, the oldest first."""
        if self.result is None:
            return ()
        trial = "free answer" if self.trial == NO_TRIAL else f"trial {self.trial}"
        return (*self.result.background.past, PastConfirmation(trial, self.seeds, len(self.result.rows)))

    def to_json(self) -> dict[str, Any]:
        """As `StudyRecord.confirmation` keeps it."""
        kept: dict[str, Any] = to_json(ConfirmationRecord, self)
        return kept
