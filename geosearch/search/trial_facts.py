"""Facts of a trial, each kept in a user attribute of the Optuna trial; long trainings are kept with the study."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from geosearch.runtime.json_records import from_json, to_json
from geosearch.runtime.result_cache import Evaluation, PathPoint
from geosearch.search.process import ProcessId
from geosearch.search.space import LAST_PARAMETER


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


def place_of(trial: FrozenTrial | optuna.Trial) -> tuple[int, int]:
    """Round of a proposal, and its place in it."""
    proposal = proposal_of(trial)
    return proposal.round, proposal.index


def is_proposed(trial: FrozenTrial) -> bool:
    """Whether a trial has all of its parameters and its `Proposal`."""
    return fact_of(trial, Proposal) is not None and LAST_PARAMETER in trial.params


def is_interrupted(trial: FrozenTrial) -> bool:
    """Whether the evaluation of a trial was interrupted; a training that failed has a reason."""
    return trial.state == TrialState.FAIL and fact_of(trial, Failed) is None
