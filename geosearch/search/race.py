"""Race: repeats go where the leaders overlap, and the winner is who is expected to be best, not who was luckiest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.errors import GeosearchError
from geosearch.search.store import TrialFacts

EQUALLY = 2  # rounds in which every finalist runs; with one run each there is no noise to speak of
APART = 2.0  # standard errors of a difference beyond which a finalist is out
MOST = 3  # times the budget's runs per finalist that one of them may get


@dataclass(frozen=True)
class Standing:
    """Where a finalist stands after its runs.

    Attributes:
        error: posterior mean of its expected error.
        deviation: posterior standard deviation.
        runs: how many it had; 0 if all of them failed.
    """

    error: float
    deviation: float
    runs: int


Run = tuple[int, int]  # finalist, number of its repeat
Runner = Callable[[Sequence[Run]], Sequence[float | None]]  # None: the training failed


def race(run: Runner, finalists: int, repeats: int) -> list[Standing]:
    """Spend `finalists * repeats` runs on finding the finalist of least expected error.

    Everyone runs twice; then those that lie more than two standard errors behind the leader are out, and the others
    run on, round by round. Depends on the outcomes only, so a race that is run again is the same race.

    Source of the elimination: Maron & Moore 1994 (Hoeffding races), with a pooled normal standard error.
    """
    values: list[list[float]] = [[] for _ in range(finalists)]
    tried = [0] * finalists
    alive, left = list(range(finalists)), finalists * repeats
    while alive and left > 0:
        calls = [(i, tried[i]) for i in alive][:left]
        for (i, _), outcome in zip(calls, run(calls), strict=True):
            tried[i] += 1
            if outcome is not None:
                values[i].append(outcome)
        left -= len(calls)
        standings = posterior(values)
        if min(tried) >= min(EQUALLY, repeats):
            alive = [i for i in alive if not _behind(values, i) and tried[i] < MOST * repeats]
            if len(alive) < 2:
                break
    return standings


def posterior(values: Sequence[Sequence[float]]) -> list[Standing]:
    """Normal means with a common noise, shrunk towards their average by what the noise leaves of their spread.

    Few runs are shrunk more than many, so a single lucky run does not win. Source: Efron & Morris 1975.
    """
    counts = np.array([len(own) for own in values])
    means = np.array([np.mean(own) if own else np.nan for own in values])
    noise = _noise(values)
    if not np.isfinite(noise):  # one run each: nothing is known of the noise
        return [Standing(float(mean), float("nan"), int(count)) for mean, count in zip(means, counts, strict=True)]
    ran = counts > 0
    centre = float(np.average(means[ran], weights=counts[ran]))
    between = float(means[ran].var(ddof=1) - (noise / counts[ran]).mean()) if ran.sum() > 1 else 0.0
    between = max(between, 1e-3 * noise, 1e-300)
    own = counts / max(noise, 1e-300)  # precision of each mean
    error = (np.where(ran, own * np.nan_to_num(means), 0) + centre / between) / (own + 1 / between)
    deviation = np.sqrt(1 / (own + 1 / between))
    return [
        Standing(float(e) if count else float("nan"), float(d), int(count))
        for e, d, count in zip(error, deviation, counts, strict=True)
    ]


def _noise(values: Sequence[Sequence[float]]) -> float:
    """Pooled variance of one run; nan if nobody ran twice."""
    squares = sum(float(np.square(np.array(own) - np.mean(own)).sum()) for own in values if own)
    freedom = sum(max(len(own) - 1, 0) for own in values)
    return squares / freedom if freedom else float("nan")


def _behind(values: Sequence[Sequence[float]], i: int) -> bool:
    """Whether finalist i is more than the noise behind the leader."""
    if not values[i]:
        return True
    means = [float(np.mean(own)) if own else np.inf for own in values]
    leader = int(np.argmin(means))
    noise = _noise(values)
    error = np.sqrt(noise * (1 / len(values[i]) + 1 / len(values[leader])))
    return bool(means[i] - means[leader] > APART * error) if np.isfinite(noise) else False


def best_of(trials: Iterable[TrialFacts]) -> TrialFacts:
    """The trial with the least error after the long recipe; before there is one, after the short recipe.

    Raises:
        GeosearchError: no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise GeosearchError("the study has no completed trial yet; run 'geosearch search STUDY.toml' first")
    finalists = [trial for trial in complete if trial.long_error is not None]
    if finalists:
        return min(finalists, key=lambda trial: (trial.long_error, trial.number))
    return min(complete, key=lambda trial: (trial.error, trial.number))


def ties_of(trials: Iterable[TrialFacts]) -> tuple[TrialFacts, ...]:
    """Finalists that the race could not tell from the best: the difference lies within two standard deviations."""
    raced = [trial for trial in trials if trial.long_error is not None]
    if not raced:
        return ()
    best = best_of(raced)
    return tuple(trial for trial in raced if trial.number != best.number and _overlap(trial, best))


def _overlap(a: TrialFacts, b: TrialFacts) -> bool:
    if a.long_error is None or b.long_error is None or a.long_deviation is None or b.long_deviation is None:
        return False
    return abs(a.long_error - b.long_error) <= APART * math.hypot(a.long_deviation, b.long_deviation)
