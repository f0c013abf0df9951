"""Board: the proposals of a round, pinned up by whoever leads, each claimed by one worker."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from geosearch.mixture.weights import Weights
from geosearch.search.crew import Crew, gone, roster
from geosearch.search.loop import Search
from geosearch.search.samplers.registry import Given
from geosearch.search.study_store import StudyStore, given_up, place_of
from geosearch.search.trial import Failed, FailureReason, Proposal, attributes_of, fact_of

LOSSES = 3  # workers that may die of one proposal before it counts as failed
_PUBLISHED, _OWNER = "published", "worker"  # attributes of the study and of its trials


@dataclass(frozen=True, eq=False)
class Board:
    """The shared side of a search.

    A round is proposed in a copy of the study, as a lone search proposes it, and then pinned up as waiting trials; a
    worker claims one by turning it from waiting to running, which every storage of Optuna lets only one do. Nobody
    claims from a round before all of it is up. So proposals depend on finished rounds alone, whoever evaluates them.
    """

    search: Search
    crew: Crew

    def publish(self) -> int:
        """Propose what the study lacks, if its present round allows it; the number of new proposals to evaluate."""
        store = self.search.store
        pinned = self._pin_up() if self.search.missing()[1] > 0 else 0
        if live := store.live():
            self._announce(round=max(place_of(trial)[0] for trial in live), newest=max(trial.number for trial in live))
        return pinned

    def announced(self) -> object:
        """What changes whenever there is something new to look at; all that a worker with nothing to do need read."""
        return self.search.store.get_meta(_PUBLISHED, {})

    def close(self) -> None:
        """Let those who wait know that the budget is spent."""
        self._announce(spent=self.search.options.evaluations)

    def claim(self, most: int) -> list[tuple[optuna.Trial, Weights]]:
        """Take up to `most` waiting proposals, in their order, for this worker alone."""
        store = self.search.store
        claimed: list[tuple[optuna.Trial, Weights]] = []
        waiting = store.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        published = store.get_meta(_PUBLISHED, {}).get("round", -1) if waiting else -1
        for trial in sorted(waiting, key=place_of):
            if len(claimed) == most or place_of(trial)[0] > published:
                break
            if self._taken(trial):
                if self._twin(trial):  # pinned up by two leaders, one of whom had been taken for dead
                    _close(store.study, trial)
                else:
                    claimed.append((_handle(store.study, trial), store.space.weights_of(trial.params)))
        return claimed

    def reap(self) -> list[int]:
        """Fail what the dead had claimed, so that it will be proposed again; numbers of these trials."""
        study = self.search.store.study
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        living = {card.number for card in self.crew.living()}  # read second: whoever claimed had signed on
        lost = [trial for trial in running if self._lost(trial, living)]
        before = self._losses() if lost else Counter()
        for trial in lost:
            if fact_of(trial, Proposal) and before[place_of(trial)] >= LOSSES - 1:
                message = f"{LOSSES} workers crashed (out of memory?)"
                for key, value in attributes_of(Failed(FailureReason.WORKERS_CRASHED, message)).items():
                    _note(study, trial, key, value)
            _close(study, trial)
        return [trial.number for trial in lost]

    def hand_back(self) -> None:
        """Give up what this worker has claimed and not told."""
        study = self.search.store.study
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(_OWNER) == self.crew.number:
                _note(study, trial, _OWNER, None)  # nobody died of it
                _close(study, trial)

    def _announce(self, **news: int) -> None:
        known = self.search.store.get_meta(_PUBLISHED, {})
        fresh = {**known, **news, "newest": max(known.get("newest", -1), news.get("newest", -1))}
        if fresh != known:
            self.search.store.set_meta(_PUBLISHED, fresh)

    def _pin_up(self) -> int:
        study, draft = self.search.store.study, _draft(self.search.store)
        known = len(draft.study.get_trials(deepcopy=False))
        asked = replace(self.search, store=draft).propose()
        for key, value in draft.study.user_attrs.items():  # what was found out once for the study
            if self.search.store.get_meta(key) is None:
                self.search.store.set_meta(key, value)
        for trial in draft.study.get_trials()[known:]:
            if trial.state == TrialState.RUNNING:
                trial.state, trial.datetime_start = TrialState.WAITING, None
            study.add_trial(trial)
        return len(asked)

    def _taken(self, trial: FrozenTrial) -> bool:
        study = self.search.store.study
        try:
            won = study._storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False
        return won and _note(study, trial, _OWNER, self.crew.number)

    def _twin(self, trial: FrozenTrial) -> bool:
        """Whether an older trial, not given up, holds the same place."""
        trials = self.search.store.study.get_trials(deepcopy=False)[: trial.number]
        own = place_of(trial)
        return any(fact_of(old, Proposal) and place_of(old) == own and not given_up(old) for old in trials)

    def _lost(self, trial: FrozenTrial, living: set[int]) -> bool:
        owner = trial.user_attrs.get(_OWNER)
        if owner is None:  # claimed a moment ago, or by a worker that died in that moment
            return living == {self.crew.number} or self.crew.overdue(("trial", trial.number), None)
        return owner not in living

    def _losses(self) -> Counter[tuple[int, int]]:
        failed = self.search.store.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        return Counter(place_of(trial) for trial in failed if trial.user_attrs.get(_OWNER) is not None)


@dataclass(frozen=True)
class Member:
    """Somebody at work on a study, as status tells it.

    Attributes:
        role: "search" (goes on to finalists and confirmation) or "worker".
        host, pid: machine and process.
        trials: numbers of what it is evaluating.
    """

    role: str
    host: str
    pid: int
    trials: tuple[int, ...]


def members(study: optuna.Study) -> tuple[Member, ...]:
    """Who has signed on and has not surely ended; somebody on another machine may be dead for up to a minute."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return tuple(
        Member(
            card.user_attrs["role"],
            at["host"],
            at["pid"],
            tuple(trial.number for trial in running if trial.user_attrs.get(_OWNER) == card.number),
        )
        for card in roster(study)
        if not gone(at := card.user_attrs["at"])
    )


def _draft(store: StudyStore) -> StudyStore:
    """A copy of the study in memory; what waits for a worker counts there as being evaluated."""
    study = optuna.create_study(study_name=store.name, direction="minimize", pruner=store.study.pruner)
    for key, value in store.study.user_attrs.items():
        study.set_user_attr(key, value)
    for trial in store.study.get_trials():
        if trial.state == TrialState.WAITING:
            trial.state, trial.datetime_start = TrialState.RUNNING, datetime.now()
        study.add_trial(trial)
    return StudyStore(study, store.space, store.url)


def _handle(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    study.sampler = Given({})  # a handle asks the sampler for nothing that is there already
    return optuna.Trial(study, trial._trial_id)


def _note(study: optuna.Study, trial: FrozenTrial, key: str, value: object) -> bool:
    """Write a fact to a trial; False if it was closed in the meantime."""
    try:
        study._storage.set_trial_user_attr(trial._trial_id, key, value)
    except UpdateFinishedTrialError:
        return False
    return True


def _close(study: optuna.Study, trial: FrozenTrial) -> None:
    """Fail a trial, unless it ended in the meantime."""
    with suppress(UpdateFinishedTrialError):
        study._storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
