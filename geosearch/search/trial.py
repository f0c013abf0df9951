"""TrialRecord: what is known of one trial of a study, and what several say together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from geosearch.mixture.weights import Weights


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a study; `role` names the baseline that it is, or is "searched"."""

    number: int
    state: str  # "complete", "pruned" or "failed"
    role: str
    weights: tuple[float, ...]  # (m,) on the simplex
    concentration: float  # 0 = pooled, inf = the paper's point on the geodesic
    pairing: str  # "transport" or "random"
    closed_form: float  # squared feature units
    held_out_otdd: float | None  # squared feature units
    error: float | None  # what the study minimises: a squared error on pseudo-labelled images, or on the shots
    top1_error: float | None  # its error rate on the same images, in [0, 1]
    long_error: float | None  # posterior mean of the same after the long recipe, for the best few
    wall_seconds: float
    round: int = 0  # proposals of one round are asked for before any of them is evaluated
    index: int = 0  # place within the round
    long_deviation: float | None = None  # posterior standard deviation of long_error
    long_runs: int = 0  # trainings with the long recipe
    long_seconds: float = 0.0  # what they took
    expected_error: float | None = None  # what the surrogate expected of it when it went on to the long recipe
    proxy_seconds: float = 0.0  # what held_out_otdd took
    closed_seconds: float = 0.0  # what closed_form took
    reason: str = ""  # why it was pruned or failed, or what was odd about its training

    @property
    def point(self) -> Weights:
        return Weights(self.weights, self.concentration, self.pairing)


def distinct(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The first trial of each mixture: baselines may fall together, and a copy costs nothing and is no evidence."""
    found: dict[Weights, TrialRecord] = {}
    for trial in trials:
        found.setdefault(trial.point, trial)
    return list(found.values())


def evaluated(trials: Iterable[TrialRecord]) -> dict[Weights, float]:
    """Every mixture that was evaluated, once, and its error."""
    found: dict[Weights, float] = {}
    for trial in trials:
        if trial.error is not None:
            found.setdefault(trial.point, trial.error)
    return found
