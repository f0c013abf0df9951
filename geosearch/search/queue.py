"""TrialQueue: what waits for a worker, what is being evaluated and by whom, and what is tried again."""

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

from geosearch.search.study_store import StudyStore, is_interrupted, is_proposed, place_of
from geosearch.search.trial import Claim, Losses, Proposal, admission_of, attributes_of, fact_of, proposal_of

MAX_CRASHES = 3  # workers that may die while they evaluate one mixture before it counts as failed
UNCLAIMED = timedelta(minutes=1)  # a trial that is running for so long without a process lost it as it was claimed


@dataclass(frozen=True, eq=False)
class TrialQueue:
    """The trials of a study as workers see them.

    What waits is claimed by `optuna.Study.ask`, which turns a trial from waiting to running for one process only, in
    every storage of Optuna.
    """

    store: StudyStore

    def enqueue(self, proposals: Mapping[Proposal, dict[str, Any]]) -> None:
        """Let proposals wait that no trial holds, or whose trials were all cut off.

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
                losses = Losses(max((count_crashes(trial) for trial in before), default=0))
                self.store.study.enqueue_trial(params, user_attrs=attributes_of(proposal) | attributes_of(losses))

    def is_duplicate(self, trial: optuna.Trial) -> bool:
        """Whether an older trial that was not cut off holds the same place: two workers had enqueued it at once."""
        older = self.store.study.get_trials(deepcopy=False)[: trial.number]
        place = place_of(trial)
        return any(fact_of(old, Proposal) and place_of(old) == place and not is_interrupted(old) for old in older)

    def in_flight(self) -> int:
        """Trials whose worker is alive: it runs on this machine, or the storage would have noticed its death."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.store.study)
        running = self.store.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return sum(
            claim.has_heartbeat or claim.process.is_alive for trial in running if (claim := fact_of(trial, Claim))
        )

    def retry_lost(self) -> tuple[int, ...]:
        """Fail what processes of this machine that have ended left running, and enqueue it again; its numbers."""
        study = self.store.study
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        lost = [trial for trial in running if _is_lost(trial)]
        for trial in lost:
            if fail(study, trial.number):
                retry(study, trial)
        return tuple(trial.number for trial in lost)


def retry(study: optuna.Study, trial: FrozenTrial, *, is_loss: bool = True) -> None:
    """Enqueue a failed trial again with its parameters and its place.

    Args:
        study: the study; an Optuna storage calls this for trials without a heartbeat.
        trial: the trial.
        is_loss: its worker died, maybe of it; False if the worker left.
    """
    losses = count_crashes(trial) + is_loss
    if is_proposed(trial) and losses < MAX_CRASHES:
        kept = attributes_of(proposal_of(trial)) | attributes_of(Losses(losses)) | admission_of(trial)
        study.enqueue_trial(trial.params, user_attrs=kept)


def count_crashes(trial: optuna.Trial | FrozenTrial) -> int:
    """Workers that died of a trial's proposal before."""
    losses = fact_of(trial, Losses)
    return losses.count if losses else 0


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
