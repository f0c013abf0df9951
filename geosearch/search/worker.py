"""Worker: one of several processes that search a study together, in an asynchronous ask-and-tell loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from geosearch import seeds
from geosearch.errors import TrainingFailedError
from geosearch.mixture.baselines import SEARCHED
from geosearch.mixture.weights import Weights
from geosearch.runtime.events import TrialsLost
from geosearch.runtime.parallel import one_thread
from geosearch.search.loop import Search
from geosearch.search.process import ProcessId
from geosearch.search.proposals import find_repeat
from geosearch.search.queue import MAX_CRASHES, TrialQueue, count_crashes, fail, retry
from geosearch.search.storage.sqlite import roll_back
from geosearch.search.storage.urls import Heartbeat, has_heartbeat, storage_at
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import (
    Claim,
    Failed,
    FailureReason,
    Proposal,
    Trained,
    fact_of,
    forget_fact,
    is_interrupted,
    is_proposed,
    keep_fact,
    proposal_of,
)

SHORTEST, LONGEST = 0.05, 1.0  # seconds between two polls of a study in which there is nothing to do


class _DuplicateError(Exception):
    """The proposal of a trial is that of an older one."""


class Worker:
    """Evaluates trials of a study that other workers evaluate too; workers may be started and stopped at any time.

    Baselines are enqueued and claimed first. Then every worker asks the study's sampler for its own proposals; the
    sampler treats running trials as pending. A worker is idle only when the running trials will use up the budget.

    Args:
        search: the same search as in a single process.
        on_pause: called before every pause; may raise to stop waiting.
        heartbeat: of its trials, in storages that record heartbeats.
    """

    def __init__(
        self, search: Search, on_pause: Callable[[], None] = lambda: None, heartbeat: Heartbeat | None = None
    ) -> None:
        self.search = replace(search, store=_with_heartbeat(search.store, heartbeat or Heartbeat()))
        self._queue = TrialQueue(self.search.store)
        self._on_pause = on_pause
        self._number: int | None = None  # of the running trial
        self._may_be_closed = False  # whether an error from Optuna means that another process has closed the trial
        self._has_repeated = False  # whether the last proposal was a repeat

    def run(self) -> None:
        """Work until the budget is spent.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        pause = SHORTEST
        self.search.store.share()
        try:
            with one_thread():
                while (left := self.search.left()) > 0 and not self.search.proposer.is_exhausted():
                    if lost := self._queue.retry_lost():
                        self.search.progress.event(TrialsLost(lost))
                    if self._queue.in_flight() < left:
                        self._queue.enqueue(self._baselines)
                        self._step()
                        pause = SHORTEST
                    else:
                        pause = self._pause(pause)
        except BaseException:
            roll_back(self.search.store.storage)
            self._hand_back()
            raise

    def wait(self) -> None:
        """Return when the budget is spent and no trial is known to be running."""
        pause = SHORTEST
        while (self.search.left() > 0 and not self.search.proposer.is_exhausted()) or self._queue.in_flight():
            self._queue.retry_lost()
            pause = self._pause(pause)

    def _pause(self, seconds: float) -> float:
        """Sleep for so many seconds; return how long to sleep the next time."""
        self._on_pause()
        time.sleep(seconds)
        return min(1.5 * seconds, LONGEST)

    def _step(self) -> None:
        """Ask for one trial, evaluate it, and tell the study."""
        study = self.search.store.study
        study.sampler = _ByNumber(self._sampler)
        self._number, self._may_be_closed = None, False
        try:
            study.optimize(self._evaluate, n_trials=1, catch=(TrainingFailedError, _DuplicateError))
        except (UpdateFinishedTrialError, ValueError, AssertionError):  # how Optuna refuses a result
            if not self._may_be_closed:
                raise
            # the storage took this worker for dead; its evaluation is in the cache, so the retry costs nothing
        if self._number is not None:
            self.search.evaluator.report(self._number)
            self._number = None
        self.search.evaluator.check_failures()

    def _evaluate(self, trial: optuna.Trial) -> float:
        """What Optuna minimizes; it calls this between ask and tell, under its heartbeat."""
        self._number = trial.number
        try:
            error = self._error(trial)
        except UpdateFinishedTrialError:
            self._may_be_closed = True
            raise
        except BaseException:
            roll_back(self.search.store.storage)  # or the heartbeat, for whose end Optuna waits, waits for the lock
            raise
        self._may_be_closed = True
        return error

    def _error(self, trial: optuna.Trial) -> float:
        store = self.search.store
        keep_fact(trial, Claim(ProcessId.here()))
        if fact_of(trial, Proposal) and self._queue.is_duplicate(trial):
            raise _DuplicateError
        is_last_chance = count_crashes(trial) == MAX_CRASHES - 1
        if is_last_chance:  # set beforehand: a crashed worker can no longer write a reason
            reason = f"{MAX_CRASHES} workers crashed (out of memory?)"
            keep_fact(trial, Failed(FailureReason.WORKERS_CRASHED, reason))
        try:
            point = store.space.suggest(trial)
            keep_fact(trial, Claim(ProcessId.here(), has_heartbeat(store.storage)))
            if not fact_of(trial, Proposal):
                place = self.search.options.place(trial.number)
                keep_fact(trial, self.search.proposer.proposal(place, SEARCHED, point))
            if self._is_repeat(trial, point):
                raise optuna.TrialPruned
            self.search.proposer.measure_proxy(trial, point)
            call = (point, None, 0, store.space.augmentation_of(trial.params))
            (result,) = self.search.objective.evaluate_many([call], jobs=1)
        finally:
            if is_last_chance:
                forget_fact(trial, Failed)
        if isinstance(result, TrainingFailedError):
            keep_fact(trial, Failed(FailureReason.TRAINING, str(result)))
            raise result
        keep_fact(trial, Trained.of(result))
        return result.squared_error

    def _is_repeat(self, trial: optuna.Trial, point: Weights) -> bool:
        """Whether a proposal of the sampler is the mixture of a trial that is complete or running."""
        running = self.search.store.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        pending = [
            self.search.store.space.weights_of(other.params)
            for other in running
            if other.number != trial.number and is_proposed(other)
        ]
        is_baseline = proposal_of(trial).role != SEARCHED
        repeat = None if is_baseline else find_repeat(point, self.search.store.trials(), pending)
        self._has_repeated = repeat is not None
        if repeat:
            self.search.proposer.record_repeat(trial, repeat)
        return self._has_repeated

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """The study's sampler; a random one after a repeat, which the study's might propose again."""
        seed = seeds.integer(self.search.options.seed, "sampler", number)
        return self.search.proposer.build_sampler(seed, random=self._has_repeated)

    @cached_property
    def _baselines(self) -> dict[Proposal, dict[str, Any]]:
        """Proposal -> its parameters."""
        search, space = self.search, self.search.store.space
        return {
            search.proposer.proposal(search.options.place(number), role, point): space.baseline_params(point)
            for number, (role, point) in enumerate(search.baselines.items())
        }

    def _hand_back(self) -> None:
        """Enqueue the running trial again, so that another worker evaluates it."""
        study = self.search.store.study
        if self._number is not None:
            fail(study, self._number)
            trial = study.get_trials(deepcopy=False)[self._number]
            if is_interrupted(trial):
                retry(study, trial, crashed=False)


class _ByNumber(optuna.samplers.BaseSampler):
    """A sampler whose seed depends on the number of its trial; trials that already have a proposal do not use it."""

    def __init__(self, make: Callable[[int], optuna.samplers.BaseSampler]) -> None:
        self._make = make
        self._made: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=0)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if fact_of(trial, Proposal):
            return {}
        self._made = self._make(trial.number)
        return self._made.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._made.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._made.sample_independent(study, trial, param_name, param_distribution)


def _with_heartbeat(store: StudyStore, heartbeat: Heartbeat) -> StudyStore:
    """The same study over a new connection, whose trials have heartbeats if the storage records them."""
    storage = storage_at(store.url, heartbeat, on_stale=retry)
    study = optuna.load_study(study_name=store.name, storage=storage)
    return replace(store, study=study, storage=storage)
