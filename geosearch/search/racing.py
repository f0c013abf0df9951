"""Race: long trainings of the finalists, more of them for those that cannot be told from the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.errors import GeosearchError
from geosearch.search.trial_record import TrialRecord

EQUALLY = 2  # runs of every finalist; with one each the noise cannot be estimated
APART = 2.0  # standard errors behind the leader beyond which a finalist is eliminated
MOST = 3  # most runs of one finalist, as a multiple of the budget's runs per finalist


@dataclass(frozen=True)
class Standing:
    """The error of a finalist after its runs.

    Attributes:
        error: posterior mean of its expected error.
        deviation: posterior standard deviation.
        runs: number of runs that did not fail.
    """

    error: float
    deviation: float
    runs: int


Run = tuple[int, int]  # finalist, number of its repeat
Runner = Callable[[Sequence[Run]], Sequence[float | None]]  # None: the training failed


def race(run: Runner, finalists: int, repeats: int) -> list[Standing]:
    """Spend at most `finalists * repeats` long runs on finding the finalist with the smallest expected error.

    All run twice; those more than two standard errors behind the leader are eliminated, and what that saves goes to
    the remaining ones, which run once more, round by round. The race depends on the outcomes only, so repeating it
    gives the same result.

    Args:
        run: does the runs of one round.
        finalists: how many there are.
        repeats: runs per finalist that the budget allows.

    Returns:
        A standing for each finalist.

    Source of the elimination: Maron & Moore 1994 (Hoeffding races), with a pooled normal standard error.
    """
    values: list[list[float]] = [[] for _ in range(finalists)]
    alive, tried, left = list(range(finalists)), [0] * finalists, finalists * repeats
    calls: list[Run] = [(i, repeat) for repeat in range(min(EQUALLY, repeats)) for i in alive]
    while calls:
        for (i, _), outcome in zip(calls, run(calls), strict=True):
            tried[i] += 1
            if outcome is not None:
                values[i].append(outcome)
        left -= len(calls)
        alive = [i for i in alive if not _is_behind(values, i)]
        again = [(i, tried[i]) for i in alive if tried[i] < MOST * repeats]
        calls = again[:left] if len(again) > 1 and repeats > 1 else []
    return posterior(values)


def posterior(values: Sequence[Sequence[float]]) -> list[Standing]:
    """Posterior means of a normal model with common noise: empirical means, shrunk towards their average.

    Finalists with fewer runs are shrunk more, so a single lucky run does not win. Source: Efron & Morris 1975.
    """
    noise = _noise(values)
    if not np.isfinite(noise):  # one run each: the noise cannot be estimated
        return [Standing(float(np.mean(own)) if own else float("nan"), float("nan"), len(own)) for own in values]
    center, between = _population(values)
    standings = []
    for own in values:
        precision = len(own) / max(noise, 1e-300)
        error = (precision * float(np.mean(own)) + center / between) / (precision + 1 / between) if own else math.nan
        standings.append(Standing(error, math.sqrt(1 / (precision + 1 / between)), len(own)))
    return standings


def _noise(values: Sequence[Sequence[float]]) -> float:
    """Pooled variance of one run; nan if no finalist ran twice."""
    squares = sum(float(np.square(np.array(own) - np.mean(own)).sum()) for own in values if own)
    freedom = sum(max(len(own) - 1, 0) for own in values)
    return squares / freedom if freedom else float("nan")


def _population(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean and variance of the expected errors of those that ran, without the variance due to noise."""
    noise, ran = _noise(values), [own for own in values if own]
    means, counts = np.array([np.mean(own) for own in ran]), np.array([len(own) for own in ran])
    between = float(means.var(ddof=1) - (noise / counts).mean()) if len(ran) > 1 else 0.0
    return float(np.average(means, weights=counts)), max(between, 1e-3 * noise, 1e-300)


def _is_behind(values: Sequence[Sequence[float]], i: int) -> bool:
    """Whether finalist i has a larger error than the leader by more than `APART` standard errors."""
    if not values[i]:
        return True
    means = [float(np.mean(own)) if own else np.inf for own in values]
    leader = int(np.argmin(means))
    noise = _noise(values)
    error = np.sqrt(noise * (1 / len(values[i]) + 1 / len(values[leader])))
    return bool(means[i] - means[leader] > APART * error) if np.isfinite(noise) else False


def find_best(trials: Iterable[TrialRecord], answer: int | None = None) -> TrialRecord:
    """The trial with the smallest error after the long recipe or, before there are any, after the short recipe.

    Args:
        trials: of a study.
        answer: number of the trial that is the answer whatever its error (`NoGain.answer`); None: the error tells.

    Raises:
        GeosearchError: no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise GeosearchError("the study has no completed trial yet; run 'geosearch search STUDY.toml' first")
    if named := [trial for trial in complete if trial.number == answer]:
        return named[0]
    if finalists := find_finalists(complete):
        return finalists[0]
    return min(complete, key=lambda trial: (trial.error, trial.number))


def find_finalists(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials that were trained with the long recipe, the smallest error first."""
    raced = [trial for trial in trials if trial.long_error is not None]
    return sorted(raced, key=lambda trial: (trial.long_error, trial.number))


def find_ties(trials: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Finalists that tie with the best one: the difference is within two standard deviations."""
    if not (raced := find_finalists(trials)):
        return ()
    return tuple(sorted((trial for trial in raced[1:] if _overlap(trial, raced[0])), key=lambda trial: trial.number))


def _overlap(a: TrialRecord, b: TrialRecord) -> bool:
    if a.long_error is None or b.long_error is None or a.long_deviation is None or b.long_deviation is None:
        return False
    return abs(a.long_error - b.long_error) <= APART * math.hypot(a.long_deviation, b.long_deviation)
