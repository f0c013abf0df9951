"""Race: long runs go where they are expected to bring most, and who is expected to be best wins, not the luckiest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from geosearch.errors import GeosearchError
from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.samplers.surrogate import expected_improvement
from geosearch.search.trial import TrialRecord

EQUALLY = 2  # runs of everyone who enters; with one each there is no noise to speak of
APART = 2.0  # standard errors of a difference beyond which a finalist is out
MOST = 3  # times the budget's runs per finalist that one of them may get
WORTH = 0.01  # of the noise of one run: less is no improvement to run for


@dataclass(frozen=True)
class Standing:
    """Where a candidate stands after its runs.

    Attributes:
        error: posterior mean of its expected error.
        deviation: posterior standard deviation.
        runs: how many it had; 0 if it never entered, or all of them failed.
    """

    error: float
    deviation: float
    runs: int


Run = tuple[int, int]  # candidate, number of its repeat
Runner = Callable[[Sequence[Run]], Sequence[float | None]]  # None: the training failed


def race(run: Runner, shorts: Sequence[float], first: Sequence[int], repeats: int) -> list[Standing]:
    """Spend at most `len(first) * repeats` long runs on finding the candidate of least expected error.

    The first run twice; who then lies more than two standard errors behind the leader is out. From there on, round by
    round, either the others run once more, or the next candidate in line enters, whichever brings the greater expected
    improvement on the leader per run. What is expected of one that never ran rests on its short error, as far as
    short errors are trusted to rank long ones (`trust`, on those that ran, six at least): a trusted short recipe keeps
    out whom it likes less; before, everybody is expected to be like those that ran. Depends on the outcomes only, so a
    race that is run again is the same race.

    Args:
        run: does the runs of one round.
        shorts: (n,) expected error after the short recipe of every candidate, in the order of their entrance.
        first: those that run from the start.
        repeats: runs per candidate that the budget has for these.

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
    """What has been run, and what further runs are worth."""

    shorts: np.ndarray
    most: int
    alive: list[int] = field(default_factory=list)
    values: list[list[float]] = field(init=False)
    tried: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.values, self.tried = [[] for _ in self.shorts], [0] * len(self.shorts)

    @property
    def noise(self) -> float:
        """Variance of one run; 0 while nothing is known of it."""
        found = _noise(self.values)
        return found if math.isfinite(found) else 0.0

    @property
    def entrance(self) -> int:
        """Runs of one that enters."""
        return min(EQUALLY, self.most)

    def wants(self, i: int) -> bool:
        """Whether i, who never ran, promises more per run than another run of those in the race; or all have failed."""
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
        """Another run of everyone still in the race that may have one."""
        return [(i, self.tried[i]) for i in self.alive if self.tried[i] < MOST * self.most and self.most > 1]

    def worth_of_repeats(self) -> float:
        """Improvement on the leader expected of one more run of each, mean over those in the race."""
        standings = posterior(self.values)
        among = [i for i in self.alive if standings[i].runs]
        if len(among) < 2 or not self.noise:
            return 0.0
        means = np.array([standings[i].error for i in among])
        variances = np.array([standings[i].deviation for i in among]) ** 2
        leader = int(means.argmin())
        rivals = means.copy()
        rivals[leader] = np.delete(means, leader).min()  # a leader that turns out worse makes room for the second
        moves = variances / np.sqrt(variances + self.noise)  # by how much one run moves a posterior mean
        return float(expected_improvement(rivals, moves, float(means[leader])).mean())

    def worth_of(self, i: int) -> float:
        """Improvement on the leader expected of each of the runs that i, who never ran, would have."""
        ran = np.array([bool(own) for own in self.values])
        if ran.sum() < 2 or not self.noise:
            return 0.0
        means = np.array([np.mean(own) for own in self.values if own])
        centre, between = _population(self.values)
        correlation = RankAgreement.of(self.shorts[ran], means).correlation
        place = (self.shorts[i] - self.shorts[ran].mean()) / (self.shorts[ran].std() or 1.0)
        expected, variance = centre + correlation * np.sqrt(between) * place, between * (1 - correlation**2)
        move = variance / np.sqrt(variance + self.noise / EQUALLY)
        best = min(one.error for one in posterior(self.values) if one.runs)
        return float(expected_improvement(np.array(expected), move, best)) / EQUALLY


def posterior(values: Sequence[Sequence[float]]) -> list[Standing]:
    """Normal means with a common noise, shrunk towards their average by what the noise leaves of their spread.

    Few runs are shrunk more than many, so a single lucky run does not win. Source: Efron & Morris 1975.
    """
    noise = _noise(values)
    if not np.isfinite(noise):  # one run each: nothing is known of the noise
        return [Standing(float(np.mean(own)) if own else float("nan"), float("nan"), len(own)) for own in values]
    centre, between = _population(values)
    standings = []
    for own in values:
        precision = len(own) / max(noise, 1e-300)
        error = (precision * float(np.mean(own)) + centre / between) / (precision + 1 / between) if own else math.nan
        standings.append(Standing(error, math.sqrt(1 / (precision + 1 / between)), len(own)))
    return standings


def _noise(values: Sequence[Sequence[float]]) -> float:
    """Pooled variance of one run; nan if nobody ran twice."""
    squares = sum(float(np.square(np.array(own) - np.mean(own)).sum()) for own in values if own)
    freedom = sum(max(len(own) - 1, 0) for own in values)
    return squares / freedom if freedom else float("nan")


def _population(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean and variance of the expected errors of those that ran, what noise adds to it left out."""
    noise, ran = _noise(values), [own for own in values if own]
    means, counts = np.array([np.mean(own) for own in ran]), np.array([len(own) for own in ran])
    between = float(means.var(ddof=1) - (noise / counts).mean()) if len(ran) > 1 else 0.0
    return float(np.average(means, weights=counts)), max(between, 1e-3 * noise, 1e-300)


def _behind(values: Sequence[Sequence[float]], i: int) -> bool:
    """Whether candidate i is more than the noise behind the leader."""
    if not values[i]:
        return True
    means = [float(np.mean(own)) if own else np.inf for own in values]
    leader = int(np.argmin(means))
    noise = _noise(values)
    error = np.sqrt(noise * (1 / len(values[i]) + 1 / len(values[leader])))
    return bool(means[i] - means[leader] > APART * error) if np.isfinite(noise) else False


def best_of(trials: Iterable[TrialRecord]) -> TrialRecord:
    """The trial with the least error after the long recipe; before there is one, after the short recipe.

    Raises:
        GeosearchError: no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise GeosearchError("the study has no completed trial yet; run 'geosearch search STUDY.toml' first")
    if finalists := finalists_of(complete):
        return finalists[0]
    return min(complete, key=lambda trial: (trial.error, trial.number))


def finalists_of(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Those that were trained with the long recipe, the least error first."""
    raced = [trial for trial in trials if trial.long_error is not None]
    return sorted(raced, key=lambda trial: (trial.long_error, trial.number))


def ties_of(trials: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Finalists that the race could not tell from the best: the difference lies within two standard deviations."""
    if not (raced := finalists_of(trials)):
        return ()
    return tuple(sorted((trial for trial in raced[1:] if _overlap(trial, raced[0])), key=lambda trial: trial.number))


def _overlap(a: TrialRecord, b: TrialRecord) -> bool:
    if a.long_error is None or b.long_error is None or a.long_deviation is None or b.long_deviation is None:
        return False
    return abs(a.long_error - b.long_error) <= APART * math.hypot(a.long_deviation, b.long_deviation)
