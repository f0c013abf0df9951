"""Evaluator: trains the trials of a round in parallel, stores and reports how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from geosearch.errors import GeosearchError, TrainingFailedError
from geosearch.mixture.weights import Weights
from geosearch.runtime.events import TrialFailed, TrialFinished
from geosearch.runtime.progress import Progress
from geosearch.search.objective import Objective
from geosearch.search.options import SearchOptions
from geosearch.search.racing import find_best
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import Failed, FailureReason, Trained, keep_fact

FAILURES = 3  # failed trainings in a row that end a search


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Evaluates the proposed mixtures of a study with the short recipe.

    Attributes:
        store: the study.
        objective: what is minimized.
        options: how the search is run.
        progress: listens to the run.
    """

    store: StudyStore
    objective: Objective
    options: SearchOptions
    progress: Progress

    def evaluate(self, asked: Sequence[tuple[optuna.Trial, Weights]]) -> None:
        """Evaluate trials in parallel, and tell the study.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        calls = [(point, None, 0, self.store.space.augmentation_of(trial.params)) for trial, point in asked]
        results = self.objective.evaluate_many(calls, jobs=self.options.jobs)
        for (trial, _), result in zip(asked, results, strict=True):
            if isinstance(result, TrainingFailedError):
                keep_fact(trial, Failed(FailureReason.TRAINING, str(result)))
                self.store.study.tell(trial, state=TrialState.FAIL)
            else:
                keep_fact(trial, Trained.of(result))
                self.store.study.tell(trial, result.squared_error)
            self.report(trial.number)
        self.check_failures()

    def report(self, number: int) -> None:
        """Report how a trial ended as an event, if it was evaluated."""
        trials = self.store.trials()
        trial = next((one for one in trials if one.number == number), None)
        if trial is not None and trial.state == "failed":
            self.progress.event(TrialFailed(number, trial.reason))
        elif trial is not None and trial.error is not None:
            best: float = find_best(trials).error  # type: ignore[assignment]
            total, done = self.options.evaluations, sum(trial.state == "complete" for trial in trials)
            self.progress.event(TrialFinished(number, trial.role, trial.error, done=done, total=total, best=best))

    def check_failures(self) -> None:
        """Stop the search if several trainings in a row failed.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        last = [trial for trial in self.store.trials() if trial.state != "repeat"][-FAILURES:]
        if [trial.state for trial in last] == ["failed"] * FAILURES:
            raise GeosearchError(
                f"{FAILURES} trainings in a row failed, the last with: {last[-1].reason}; "
                "nothing is lost: fix the error and run the same command again (with --force-new if it is a setting)"
            )
