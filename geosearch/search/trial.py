"""TrialRecord: one trial of a study, and its representation in the user attributes of an Optuna trial."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial

from geosearch.mixture.weights import Weights
from geosearch.nn.augmentation import Augmentation
from geosearch.runtime.json_records import from_json, to_json
from geosearch.runtime.result_cache import Evaluation, PathPoint
from geosearch.search.process import ProcessId

NO_TRIAL = -1  # number of a mixture that is no trial


class FailureReason(StrEnum):
    """Why a trial failed."""

    TRAINING = auto()
    WORKERS_CRASHED = auto()


@dataclass(frozen=True)
class Proposal:
    """Where a proposed mixture comes from; stored with every trial before its evaluation.

    Attributes:
        round: all proposals of one round are asked for before any of them is evaluated.
        index: place within the round.
        role: the baseline that it is, or "searched".
        closed_form: closed-form distance to the target, squared feature units.
        closed_seconds: wall time of the closed form.
    """

    round: int
    index: int
    role: str
    closed_form: float
    closed_seconds: float = 0.0


@dataclass(frozen=True)
class Claim:
    """Which process evaluates a trial.

    Attributes:
        process: the process.
        has_heartbeat: whether the storage records heartbeats of it; set after the first one.
    """

    process: ProcessId
    has_heartbeat: bool = False


@dataclass(frozen=True)
class Crashes:
    """Workers that crashed while they evaluated the same proposal in earlier trials.

    Attributes:
        count: how many.
    """

    count: int


@dataclass(frozen=True)
class ProxyValue:
    """The proxy of a trial, and what it cost.

    Attributes:
        otdd: debiased, squared feature units.
        seconds: wall time.
    """

    otdd: float
    seconds: float


@dataclass(frozen=True)
class Repeat:
    """Why a proposal is not trained: its mixture is that of another trial.

    Attributes:
        of: number of that trial; None if it is still running, or part of the same round.
    """

    of: int | None = None

    def __str__(self) -> str:
        return "repeats a trial that is being evaluated" if self.of is None else f"repeats trial {self.of}"


@dataclass(frozen=True)
class Failed:
    """Why a trial failed.

    Attributes:
        reason: the kind of reason.
        message: what happened, for people.
    """

    reason: FailureReason
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Trained:
    """The outcome of a training besides the error, which is the trial's value.

    Attributes:
        top1_error: in [0, 1], on the same images as the error.
        wall_seconds: of training and evaluation.
        note: what was unusual about the training; empty if nothing was.
        interpolation, path: as in `Evaluation`.
    """

    top1_error: float
    wall_seconds: float
    note: str = ""
    interpolation: float | None = None
    path: tuple[PathPoint, ...] = ()

    @classmethod
    def of(cls, result: Evaluation) -> Trained:
        """The outcome of an evaluation."""
        return cls(result.top1_error, result.wall_seconds, result.note, result.interpolation, result.path)


@dataclass(frozen=True)
class LongRuns:
    """Trainings of a finalist with the long recipe.

    Attributes:
        runs: how many.
        seconds: wall time of all of them.
        expected_error: what the surrogate expected when the trial became a finalist.
        error: posterior mean of the error after the long recipe.
        deviation: posterior standard deviation of the error; None if it is unknown.
    """

    runs: int
    seconds: float
    expected_error: float
    error: float
    deviation: float | None = None


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a study that ended.

    Attributes:
        number: Optuna's number of the trial; `NO_TRIAL` of the free answer, which is none.
        state: "complete", "failed", "repeat" (a mixture of another trial, not trained again), or "untrained" for the
            free answer.
        role: the baseline that it is, or "searched".
        weights: (m,) on the simplex.
        concentration: 0 = pooled, inf = the point on the generalized geodesic.
        pairing: "transport" or "random".
        closed_form: squared feature units.
        proxy: debiased OTDD to held-out target images, squared feature units; None if it was not computed.
        error: what the study minimizes: a squared error on pseudo-labelled images, or on the shots.
        top1_error: error rate on the same images, in [0, 1].
        long_error: posterior mean of the error after the long recipe; finalists only.
        wall_seconds: of the short training.
        round, index: of its proposal.
        long_deviation: posterior standard deviation of `long_error`.
        long_runs: trainings with the long recipe.
        long_seconds: wall time of these.
        expected_error: what the surrogate expected when the trial became a finalist.
        proxy_seconds: wall time of the proxy.
        closed_seconds: wall time of the closed form.
        repeat: which trial it repeats.
        failed: why it failed.
        note: what was unusual about its training.
        interpolation: how far its network is from the pretrained weights (0) to the trained ones (1); None if no
            networks between them are scored.
        path: its errors at every coefficient that was scored.
        augmentation: of its training, if it was searched; None for that of the study.

    >>> values = {"closed_form": 3.1, "proxy": 3.3, "error": None, "top1_error": None, "long_error": None}
    >>> place = {"number": 7, "role": "searched", "wall_seconds": 0.0}
    >>> trial = TrialRecord(**place, **values, state="repeat", weights=(0.5, 0.5), concentration=2.0,
    ...                     pairing="transport", repeat=Repeat(of=3))
    >>> trial.reason
    'repeats trial 3'
    """

    number: int
    state: str
    role: str
    weights: tuple[float, ...]
    concentration: float
    pairing: str
    closed_form: float
    proxy: float | None
    error: float | None
    top1_error: float | None
    long_error: float | None
    wall_seconds: float
    round: int = 0
    index: int = 0
    long_deviation: float | None = None
    long_runs: int = 0
    long_seconds: float = 0.0
    expected_error: float | None = None
    proxy_seconds: float = 0.0
    closed_seconds: float = 0.0
    repeat: Repeat | None = None
    failed: Failed | None = None
    note: str = ""
    interpolation: float | None = None
    path: tuple[PathPoint, ...] = ()
    augmentation: Augmentation | None = None

    @property
    def point(self) -> Weights:
        """Its mixture."""
        return Weights(self.weights, self.concentration, self.pairing)

    @property
    def name(self) -> str:
        """What it is called in texts: "trial 7", or "free answer"."""
        return "free answer" if self.number == NO_TRIAL else f"trial {self.number}"

    @property
    def path_place(self) -> str:
        """Where its network is between the pretrained and the trained weights, in words; empty if it is trained."""
        if self.interpolation is None:
            return ""
        return f"lambda {self.interpolation:g}, between the pretrained weights (0) and the trained ones (1)"

    @property
    def reason(self) -> str:
        """Why it was not trained or failed, or what was unusual about its training, for people; often empty."""
        return str(self.failed or self.repeat or self.note)


Value = TypeVar("Value")
Fact = TypeVar("Fact", Proposal, Claim, Crashes, ProxyValue, Repeat, Failed, Trained)
_KEYS: dict[type, str] = {  # user attribute of an Optuna trial under which each kind of fact is kept
    Proposal: "proposal",
    Claim: "claim",
    Crashes: "losses",
    ProxyValue: "debiased_proxy",
    Repeat: "repeat",
    Failed: "failed",
    Trained: "trained",
}


def keep_fact(trial: optuna.Trial, fact: Fact) -> None:
    """Store a fact as a user attribute of a running trial, in one transaction."""
    trial.set_user_attr(_KEYS[type(fact)], to_json(type(fact), fact))


def forget_fact(trial: optuna.Trial, kind: type[Fact]) -> None:
    """Delete a fact of a running trial."""
    trial.set_user_attr(_KEYS[kind], None)


def attributes_of(fact: Fact) -> dict[str, Any]:
    """The user attributes that `keep_fact` would set."""
    return {_KEYS[type(fact)]: to_json(type(fact), fact)}


def fact_of(trial: optuna.Trial | FrozenTrial, kind: type[Fact]) -> Fact | None:
    """The fact of a kind that is stored with a trial; None if there is none."""
    kept = trial.user_attrs.get(_KEYS[kind])
    return None if kept is None else from_json(kind, kept)


def proposal_of(trial: optuna.Trial | FrozenTrial) -> Proposal:
    """The proposal that a trial evaluates.

    Raises:
        LookupError: it was interrupted before its proposal was stored.
    """
    if (found := fact_of(trial, Proposal)) is None:
        raise LookupError(f"trial {trial.number} has no proposal")
    return found


def drop_repeats(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The first trial of each mixture: a repeat is read from the cache, so it is no independent evaluation."""
    found: dict[Weights, TrialRecord] = {}
    for trial in trials:
        found.setdefault(trial.point, trial)
    return list(found.values())


def errors_by_mixture(trials: Iterable[TrialRecord]) -> dict[Weights, float]:
    """Mixture -> error, for every mixture that was evaluated."""
    return _first_by_mixture((trial.point, trial.error) for trial in trials)


def interpolation_by_mixture(trials: Iterable[TrialRecord]) -> dict[Weights, float]:
    """Mixture -> coefficient of its network, for every mixture of which networks on the path were scored."""
    return _first_by_mixture((trial.point, trial.interpolation) for trial in trials)


def augmentation_by_mixture(trials: Iterable[TrialRecord]) -> dict[Weights, Augmentation]:
    """Mixture -> augmentation, for every mixture that was trained with another than that of the study."""
    return _first_by_mixture((trial.point, trial.augmentation) for trial in trials if trial.error is not None)


def _first_by_mixture(found: Iterable[tuple[Weights, Value | None]]) -> dict[Weights, Value]:
    first: dict[Weights, Value] = {}
    for point, value in found:
        if value is not None:
            first.setdefault(point, value)
    return first
