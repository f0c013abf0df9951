"""Finalists: the best few trials after the short recipe are trained with the long one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from geosearch.errors import GeosearchError
from geosearch.runtime.events import FinalistMeasured, FinalistsTrained
from geosearch.runtime.progress import Progress
from geosearch.runtime.result_cache import Evaluation
from geosearch.search.objective import Objective
from geosearch.search.options import SearchOptions
from geosearch.search.racing import race
from geosearch.search.study_record import Race
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import LongRuns
from geosearch.search.trial_record import TrialRecord


def promote(
    store: StudyStore,
    objective: Objective,
    ranked: Sequence[tuple[TrialRecord, float]],
    *,
    options: SearchOptions,
    progress: Progress,
) -> None:
    """Race the best trials with the long recipe and store their errors; does nothing if the race is over.

    Trials of an earlier race run too; their earlier trainings are read from the cache.

    Args:
        store: the study.
        objective: what is minimized.
        ranked: evaluated trials with the errors expected after the short recipe, the smallest first.
        options: how many trials run, besides those that ran in an earlier race, how often and how long.
        progress: listens to the run.

    Raises:
        GeosearchError: all trainings failed; the race can then be run again.
    """
    finalists = [pair for i, pair in enumerate(ranked) if i < options.finalists or pair[0].long_error is not None]
    trials = [trial for trial, _ in finalists]
    asked, kept = Race(tuple(trial.number for trial in trials), options.repeats), store.record.race
    if kept is None or not kept.is_same(asked):
        store.update(race=(kept := asked))
    if kept.over:
        return
    seconds = [0.0] * len(trials)
    failures: list[str] = []

    def run(calls: Sequence[tuple[int, int]]) -> list[float | None]:
        asked = [(trials[i].point, options.long_steps, repeat, trials[i].augmentation) for i, repeat in calls]
        results = objective.evaluate_many(asked, jobs=options.jobs)
        for (i, _), result in zip(calls, results, strict=True):
            seconds[i] += result.wall_seconds if isinstance(result, Evaluation) else 0.0
        failures.extend(str(result) for result in results if not isinstance(result, Evaluation))
        progress.event(FinalistsTrained(running=tuple(sorted({trials[i].number for i, _ in calls}))))
        return [
            result.error_at(trials[i].interpolation) if isinstance(result, Evaluation) else None
            for (i, _), result in zip(calls, results, strict=True)
        ]

    standings = race(run, len(trials), options.repeats)
    if failures and not any(standing.runs for standing in standings):
        raise GeosearchError(
            f"all long trainings of the finalists failed, the last with: {failures[-1]}; "
            "nothing is lost: fix the error and run the same command again (with --force-new if it is a setting)"
        )
    store.add_long_runs(
        {
            trial.number: LongRuns(
                runs=standing.runs,
                seconds=spent,
                expected_error=expected,
                error=standing.error,
                deviation=standing.deviation if math.isfinite(standing.deviation) else None,
            )
            for (trial, expected), standing, spent in zip(finalists, standings, seconds, strict=True)
            if standing.runs
        }
    )
    store.update(race=replace(kept, over=True))
    for trial, standing in zip(trials, standings, strict=True):
        if standing.runs:
            progress.event(FinalistMeasured(trial.number, error=standing.error, runs=standing.runs))
