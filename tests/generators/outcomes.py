"""The outcomes of trials: all that must not depend on interruptions, on workers or on the machine's speed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from geosearch.search.trial_record import TrialRecord


def outcome(trial: TrialRecord) -> tuple[Any, ...]:
    """Place, mixture and values of a trial, without wall times; (round, index) first, the long error last."""
    place = (trial.round, trial.index)
    mixture = (trial.role, trial.weights, trial.concentration, trial.pairing)
    return (*place, *mixture, trial.state, trial.reason, trial.proxy, trial.error, trial.long_error)


def outcomes(trials: Iterable[TrialRecord]) -> list[tuple[Any, ...]]:
    """The outcomes of several trials, in their order."""
    return [outcome(trial) for trial in trials]
