"""TrialQueue: waiting and running trials of a study, and retries after a worker crashed."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import (
    Claim,
    Crashes,
    Proposal,
    attributes_of,
    fact_of,
    is_interrupted,
    is_proposed,
    place_of,
    proposal_of,
)

MAX_CRASHES = 3  # crashes of workers during the evaluation of one mixture after which it counts as failed
UNCLAIMED = timedelta(minutes=1)  # a trial that runs for so long without a `Claim` lost its process right after `ask`


@dataclass(frozen=True, eq=False)
class TrialQueue:
    """Waiting and running trials of a study that several workers evaluate.

    `optuna.Study.ask` claims a waiting trial: in every storage of Optuna, only one process can set it to running.

    Attributes:
        store: the study.
    """

    store: StudyStore

    def enqueue(self, proposals: Mapping[Proposal, dict[str, Any]]) -> None:
        """Enqueue proposals that have no trial yet, or only interrupted ones.

        Args:
            proposals: proposal -> its parameters.
        """
        places = defaultdict(list)
        for trial in self.store.study.get_trials(deepcopy=False):
            if fact_of(trial, Proposal):
                places[place_of(trial)].append(trial)
        for proposal, params in proposals.items():
            before = places[proposal.round, proposal.index]
            if all(is_interrupted(trial) for trial in before):
                crashes = Crashes(max((count_crashes(trial) for trial in before), default=0))
                self.store.study.enqueue_trial(params, user_attrs=attributes_of(proposal) | attributes_of(crashes))

    def is_duplicate(self, trial: optuna.Trial) -> bool:
        """Whether an older trial evaluates the same proposal, which two workers had enqueued at the same time."""
        older = self.store.study.get_trials(deepcopy=False)[: trial.number]
        place = place_of(trial)
        return any(fact_of(old, Proposal) and place_of(old) == place and not is_interrupted(old) for old in older)

    def in_flight(self) -> int:
        """Number of running trials whose worker is alive, by its process on this machine or by heartbeats."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.store.study)
        running = self.store.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return sum(
            claim.has_heartbeat or claim.process.is_alive for trial in running if (claim := fact_of(trial, Claim))
        )

    def retry_lost(self) -> tuple[int, ...]:
        """Fail running trials whose process on this machine has ended, enqueue them again, return their numbers."""
        study = self.store.study
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        lost = [trial for trial in running if _is_lost(trial)]
        for trial in lost:
            if fail(study, trial.number):
                retry(study, trial)
        return tuple(trial.number for trial in lost)


def retry(study: optuna.Study, trial: FrozenTrial, *, crashed: bool = True) -> None:
    """Enqueue a failed trial again with its parameters and its `Proposal`.

    Args:
        study: the Optuna study; storages call this function when heartbeats stop.
        trial: the trial.
        crashed: whether its worker crashed; False if the worker was stopped on purpose.
    """
    crashes = count_crashes(trial) + crashed
    if is_proposed(trial) and crashes < MAX_CRASHES:
        kept = attributes_of(proposal_of(trial)) | attributes_of(Crashes(crashes))
        study.enqueue_trial(trial.params, user_attrs=kept)


def count_crashes(trial: optuna.Trial | FrozenTrial) -> int:
    """Number of workers that crashed while they evaluated the trial's proposal."""
    crashes = fact_of(trial, Crashes)
    return crashes.count if crashes else 0


def fail(study: optuna.Study, number: int) -> bool:
    """Fail a running trial; False if it ended in the meantime."""
    with suppress(UpdateFinishedTrialError, ValueError):
        study.tell(number, state=TrialState.FAIL)
        return True
    return False


def _is_lost(trial: FrozenTrial) -> bool:
    if claim := fact_of(trial, Claim):
        return claim.process.has_ended
    return trial.datetime_start is not None and datetime.now() - trial.datetime_start > UNCLAIMED
