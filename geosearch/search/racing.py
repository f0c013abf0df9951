"""Race: long trainings are allocated to the finalists for which they are expected to improve the result most."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from geosearch.errors import GeosearchError
from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.samplers.surrogate import expected_improvement
from geosearch.search.trial import TrialRecord

EQUALLY = 2  # runs of each candidate that enters; with one each the noise cannot be estimated
APART = 2.0  # standard errors behind the leader beyond which a finalist is eliminated
MOST = 3  # most runs of one finalist, as a multiple of the budget's runs per finalist
WORTH = 0.01  # smallest expected improvement that is worth a run, in standard deviations of one run


@dataclass(frozen=True)
class Standing:
    """The error of a candidate after its runs.

    Attributes:
        error: posterior mean of its expected error.
        deviation: posterior standard deviation.
        runs: number of runs; 0 if it never entered, or all of them failed.
    """

    error: float
    deviation: float
    runs: int


Run = tuple[int, int]  # candidate, number of its repeat
Runner = Callable[[Sequence[Run]], Sequence[float | None]]  # None: the training failed


def race(run: Runner, shorts: Sequence[float], first: Sequence[int], repeats: int) -> list[Standing]:
    """Spend at most `len(first) * repeats` long runs on finding the candidate with the smallest expected error.

    The first candidates run twice; those more than two standard errors behind the leader are eliminated. Then, round by
    round, either the remaining ones run once more, or the next candidate enters, whichever has the greater expected
    improvement on the leader per run. The error of a candidate that has not run is predicted from its short error, with
    the correlation of their rank agreement over those that ran (at least six); until then all are expected to be like
    those that ran. The race depends on the outcomes only, so repeating it gives the same result.

    Args:
        run: does the runs of one round.
        shorts: (n,) expected error of every candidate after the short recipe, in the order in which they enter.
        first: candidates that run from the start.
        repeats: runs per first candidate that the budget allows.

    Returns:
        n standings.

    Source of the elimination: Maron & Moore 1994 (Hoeffding races), with a pooled normal standard error; of the value
    of a run: Frazier, Powell & Dayanik 2008 (knowledge gradient).
    """
    track = _Track(np.asarray(shorts, dtype=float), repeats)
    waiting, left = [i for i in range(len(shorts)) if i not in first], len(first) * repeats
    calls = track.enter(first)
    while calls and left > 0:
        calls = calls[:left]
        track.record(calls, run(calls))
        left -= len(calls)
        again = track.repeats()
        if waiting and left >= track.entrance and track.wants(waiting[0]):
            calls = track.enter([waiting.pop(0)])
        else:
            calls = again if len(again) > 1 else []
    return posterior(track.values)


@dataclass
class _Track:
    """Runs so far, and the expected improvement by further runs."""

    shorts: np.ndarray
    most: int
    alive: list[int] = field(default_factory=list)
    values: list[list[float]] = field(init=False)
    tried: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.values, self.tried = [[] for _ in self.shorts], [0] * len(self.shorts)

    @property
    def noise(self) -> float:
        """Variance of one run; 0 while it cannot be estimated."""
        found = _noise(self.values)
        return found if math.isfinite(found) else 0.0

    @property
    def entrance(self) -> int:
        """Runs of a candidate that enters."""
        return min(EQUALLY, self.most)

    def wants(self, i: int) -> bool:
        """Whether candidate i, which has not run, is expected to improve more per run than those in the race."""
        if not any(self.values):
            return True
        return self.worth_of(i) > max(self.worth_of_repeats(), WORTH * math.sqrt(self.noise))

    def enter(self, some: Sequence[int]) -> list[Run]:
        self.alive += some
        return [(i, repeat) for repeat in range(self.entrance) for i in some]

    def record(self, calls: Sequence[Run], outcomes: Sequence[float | None]) -> None:
        for (i, _), outcome in zip(calls, outcomes, strict=True):
            self.tried[i] += 1
            if outcome is not None:
                self.values[i].append(outcome)
        self.alive = [i for i in self.alive if not _behind(self.values, i)]

    def repeats(self) -> list[Run]:
        """One more run of each candidate that is still in the race and below its limit."""
        return [(i, self.tried[i]) for i in self.alive if self.tried[i] < MOST * self.most and self.most > 1]

    def worth_of_repeats(self) -> float:
        """Expected improvement on the leader by one more run, mean over the candidates in the race."""
        standings = posterior(self.values)
        among = [i for i in self.alive if standings[i].runs]
        if len(among) < 2 or not self.noise:
            return 0.0
        means = np.array([standings[i].error for i in among])
        variances = np.array([standings[i].deviation for i in among]) ** 2
        leader = int(means.argmin())
        rivals = means.copy()
        rivals[leader] = np.delete(means, leader).min()  # a leader that turns out worse is replaced by the second
        moves = variances / np.sqrt(variances + self.noise)  # deviation of a posterior mean
        return float(expected_improvement(rivals, moves, float(means[leader])).mean())

    def worth_of(self, i: int) -> float:
        """Expected improvement on the leader per run of candidate i, which has not run."""
        ran = np.array([bool(own) for own in self.values])
        if ran.sum() < 2 or not self.noise:
            return 0.0
        means = np.array([np.mean(own) for own in self.values if own])
        center, between = _population(self.values)
        correlation = RankAgreement.of(self.shorts[ran], means).correlation
        place = (self.shorts[i] - self.shorts[ran].mean()) / (self.shorts[ran].std() or 1.0)
        expected, variance = center + correlation * np.sqrt(between) * place, between * (1 - correlation**2)
        move = variance / np.sqrt(variance + self.noise / EQUALLY)
        best = min(one.error for one in posterior(self.values) if one.runs)
        return float(expected_improvement(np.array(expected), move, best)) / EQUALLY


def posterior(values: Sequence[Sequence[float]]) -> list[Standing]:
    """Posterior means of a normal model with common noise: empirical means, shrunk towards their average.

    Candidates with fewer runs are shrunk more, so a single lucky run does not win. Source: Efron & Morris 1975.
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
    """Pooled variance of one run; nan if no candidate ran twice."""
    squares = sum(float(np.square(np.array(own) - np.mean(own)).sum()) for own in values if own)
    freedom = sum(max(len(own) - 1, 0) for own in values)
    return squares / freedom if freedom else float("nan")


def _population(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean and variance of the expected errors of those that ran, without the variance due to noise."""
    noise, ran = _noise(values), [own for own in values if own]
    means, counts = np.array([np.mean(own) for own in ran]), np.array([len(own) for own in ran])
    between = float(means.var(ddof=1) - (noise / counts).mean()) if len(ran) > 1 else 0.0
    return float(np.average(means, weights=counts)), max(between, 1e-3 * noise, 1e-300)


def _behind(values: Sequence[Sequence[float]], i: int) -> bool:
    """Whether candidate i has a larger error than the leader by more than `APART` standard errors."""
    if not values[i]:
        return True
    means = [float(np.mean(own)) if own else np.inf for own in values]
    leader = int(np.argmin(means))
    noise = _noise(values)
    error = np.sqrt(noise * (1 / len(values[i]) + 1 / len(values[leader])))
    return bool(means[i] - means[leader] > APART * error) if np.isfinite(noise) else False


def find_best(trials: Iterable[TrialRecord]) -> TrialRecord:
    """The trial with the smallest error after the long recipe or, before there are any, after the short recipe.

    Raises:
        GeosearchError: no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise GeosearchError("the study has no completed trial yet; run 'geosearch search STUDY.toml' first")
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
