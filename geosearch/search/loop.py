"""Search: rounds of proposals in a single process, cheap fidelities, parallel evaluations, and the finalists.

An interrupted study gives the same result as an uninterrupted one. All proposals of a round are asked for before any
of them is evaluated, and the seed of each depends on its round and its index only. After an interrupt the round is
asked for again, and evaluations that had finished are reused.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from geosearch import seeds
from geosearch.errors import GeosearchError, TrainingFailedError
from geosearch.mixture.baselines import POOLED, SEARCHED
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.pretraining.source_weighting import TRAININGS
from geosearch.runtime.events import SearchStopped, StageStarted, TrialFailed, TrialFinished, TrialRepeated
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Progress
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.finalists import promote
from geosearch.search.no_gain import NoGain
from geosearch.search.objective import Objective
from geosearch.search.process import ProcessId
from geosearch.search.racing import find_best
from geosearch.search.samplers.base import alike, random_neighbor
from geosearch.search.samplers.hypergradient import FoundWeights
from geosearch.search.samplers.prior import Prior, ProxyDesign
from geosearch.search.samplers.registry import build_sampler
from geosearch.search.samplers.stock import fixed_sampler
from geosearch.search.samplers.surrogate import FEWEST
from geosearch.search.samplers.warm_start import WarmStart
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import (
    Claim,
    Failed,
    FailureReason,
    Proposal,
    ProxyValue,
    Repeat,
    Trained,
    keep_fact,
    proposal_of,
)
from geosearch.search.trial_record import TrialRecord, drop_repeats, errors_by_mixture

FAILURES = 3  # failed trainings in a row that end a search
REPEATS = 100  # proposals in a row that only repeat others, after which no new mixture is expected
EXHAUSTED = (
    f"No mixture is left to evaluate: the last {REPEATS} proposals repeated others. The limits allow few mixtures; "
    "a smaller search.evaluations, or wider [limits], would do."
)


@dataclass(frozen=True)
class SearchOptions:
    """How a search is run.

    Attributes:
        evaluations: trials that are trained, baselines included.
        sampler: name of the sampler, one of `SAMPLERS`.
        sampler_settings: settings of the sampler, as in [search].
        batch: proposals of one round, evaluated in parallel; results depend on it.
        finalists: trials that are trained with the long recipe.
        repeats: long trainings per finalist on average; the race (`racing.race`) allocates them.
        long_steps: training steps of the long recipe.
        seed: of the study.
        jobs: number of processes; does not change results.
        stops: whether the search ends after its baselines where none of them is better than no pretraining (see
            `NoGain`). Ignored where several processes search together.
    """

    evaluations: int = 24
    sampler: str = "hull"
    batch: int = 2
    finalists: int = 5
    repeats: int = 3
    long_steps: int = 1000
    seed: int = 0
    jobs: int = 1
    stops: bool = False
    sampler_settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Search:
    """The search of one study; `run` continues where an earlier run stopped.

    Attributes:
        store: the study.
        objective: what is minimized.
        hull: closed-form distances to the target.
        proxy: the cheap evaluation.
        baselines: role -> mixture; the first trials.
        options: how the search is run.
        progress: listens to the run.
        warm_start: earlier studies over the same sources, if any.
        gradient: computes the derivative of an error in the weights of the sources, (m,); None if it is not used.
        source_weights: trains for the weights that the sampler "hypergradient" starts from; None if it starts without.
    """

    store: StudyStore
    objective: Objective
    hull: Hull
    proxy: Proxy
    baselines: Mapping[str, Weights]
    options: SearchOptions
    progress: Progress
    warm_start: WarmStart | None = None
    gradient: Callable[[], tuple[float, ...]] | None = None
    source_weights: Callable[[], FoundWeights] | None = None

    def run(self) -> TrialRecord:
        """Spend the rest of the budget, train the finalists with the long recipe, and return the best trial.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        self.spend()
        return self.finish()

    def spend(self) -> None:
        """Run rounds until the budget is spent, no baseline pays, or the study is shared with other processes.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        if not self.store.is_shared:
            self.store.fail_running()
        if not self.options.stops and self.store.record.no_gain:  # it goes on, and its own errors tell the best
            self.store.update(no_gain=None)
        with one_thread():
            while self.left() > 0 and not self.store.is_shared and not self.find_no_gain():
                if self.is_exhausted():
                    self.progress.event(SearchStopped(EXHAUSTED))
                    break
                with self.measure_stage("evaluations"):
                    self.evaluate(self.propose())

    def finish(self) -> TrialRecord:
        """Train the finalists with the long recipe, unless that is done or the search ended early; the best trial."""
        if ended := self.find_no_gain():
            return find_best(self.store.trials(), ended.answer)
        if self.warm_start:
            done = errors_by_mixture(self.store.trials())
            task_similarity = self.warm_start.task_similarity(list(done), np.array(list(done.values())))
            self.store.update(task_similarity=task_similarity)
        with one_thread(), self.measure_stage("finalists"):
            promote(
                self.store,
                self.objective,
                self.rank([trial for trial in self.store.trials() if trial.state == "complete"]),
                first=self.options.finalists,
                repeats=self.options.repeats,
                steps=self.options.long_steps,
                jobs=self.options.jobs,
                progress=self.progress,
            )
        return find_best(self.store.trials())

    def find_no_gain(self) -> NoGain | None:
        """Why the search ends after its baselines; None if it goes on.

        Decided once, by the trials of the rounds that hold baselines; a larger budget goes on for good.
        """
        if not self.options.stops or self.store.is_shared:
            return None
        if (record := self.store.record).no_gain:
            return record.no_gain if record.stops(self.options.evaluations) else None
        rounds = -(-len(self.baselines) // self.options.batch)
        trials = [trial for trial in self.store.trials() if trial.state != "repeat"]
        first = [trial for trial in trials if trial.round < rounds]
        if len(first) < len(trials) or len(first) < min(rounds * self.options.batch, self.options.evaluations):
            return None  # later rounds have begun, or the first are not over
        usual = POOLED if self.objective.farther else ""
        if found := NoGain.of(drop_repeats(first), self.options.evaluations, usual):
            self.store.update(no_gain=found)
            self.progress.event(SearchStopped(found.sentence))
        return found

    def left(self) -> int:
        """Number of evaluations that are left of the budget."""
        complete = self.store.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.options.evaluations - len(complete)

    def is_exhausted(self) -> bool:
        """Whether the last `REPEATS` proposals only repeated others: the limits allow no mixture that is new."""
        last = [trial.state for trial in self.store.trials()][-REPEATS:]
        return last == ["repeat"] * REPEATS

    def missing(self) -> tuple[int, int]:
        """The first round that is not full, and how many proposals it lacks."""
        filled = Counter(trial.round for trial in self.store.trials() if trial.state != "repeat")
        number = next(r for r in count() if filled[r] < self.options.batch)
        return number, min(self.options.batch - filled[number], self.left())

    def propose(self) -> list[tuple[optuna.Trial, Weights]]:
        """Ask for the missing proposals of the first round that is not full."""
        number, missing = self.missing()
        trials = self.store.trials()
        taken = [trial.index for trial in trials if trial.round == number]
        interrupted = self.store.interrupted_proposals()
        pending: list[Weights] = []
        asked: list[tuple[optuna.Trial, Weights]] = []
        for index in count():
            if len(asked) == missing or self.is_exhausted():
                break
            if index not in taken:
                trial, point = self._ask(number, index, interrupted.get((number, index)))
                is_baseline = proposal_of(trial).role != SEARCHED
                repeat = None if is_baseline else find_repeat(point, trials, pending)
                if repeat:
                    self.record_repeat(trial, repeat)
                    self.store.study.tell(trial, state=TrialState.PRUNED)
                else:
                    self.measure_proxy(trial, point)
                    asked.append((trial, point))
                    pending.append(point)
        return asked

    def proposal(self, place: tuple[int, int], role: str, point: Weights) -> Proposal:
        """The `Proposal` that is stored with a trial.

        Args:
            place: its round, and its index in the round.
            role: the baseline that it is, or "searched".
            point: its mixture.
        """
        start = time.perf_counter()
        distance = self.hull.distance(point)
        cost = time.perf_counter() - start
        return Proposal(*place, role, distance, cost)

    def measure_proxy(self, trial: optuna.Trial, point: Weights) -> None:
        """Store the proxy of a trial's mixture; it is compared with the error in the report."""
        start = time.perf_counter()
        otdd = self.proxy.otdd(point)
        keep_fact(trial, ProxyValue(otdd, time.perf_counter() - start))

    def record_repeat(self, trial: optuna.Trial, repeat: Repeat) -> None:
        """Store and report that a trial is not trained."""
        keep_fact(trial, repeat)
        self.progress.event(TrialRepeated(trial.number, str(repeat)))

    def build_sampler(self, seed: int, *, random: bool = False) -> BaseSampler:
        """A sampler for one proposal: the study's, or a random one."""
        name = "random" if random else self.options.sampler
        return build_sampler(name, seed, self._prior, self.options.sampler_settings)

    def _ask(self, number: int, index: int, params: Mapping[str, Any] | None) -> tuple[optuna.Trial, Weights]:
        """The proposal of this round and index: a baseline, an interrupted proposal (`params`), or the sampler's."""
        role = SEARCHED
        place = number * self.options.batch + index
        if place < len(self.baselines):
            role, baseline = list(self.baselines.items())[place]
            params = self.store.space.baseline_params(baseline)
        elif params is None and (twin := self._find_repeated(number, index - 1)):
            near = random_neighbor(twin, seeds.stream(self.options.seed, "neighbour", number, index))
            params = self.store.space.params_of(near)
        seed = seeds.integer(self.options.seed, "sampler", number, index)
        study = self.store.study
        study.sampler = fixed_sampler(params, seed) if params else self.build_sampler(seed)
        trial = study.ask()
        keep_fact(trial, Claim(ProcessId.here()))
        point = self.store.space.suggest(trial)
        keep_fact(trial, self.proposal((number, index), role, point))
        return trial, point

    @cached_property
    def _prior(self) -> Prior:
        """Prior knowledge of the sampler; its slow parts are computed once per study."""
        space, design, gradient, start = self.store.space, None, None, None
        if self.options.sampler in ("hull", "hypergradient"):
            design = self.store.get_or_compute("debiased_design", self._proxy_design)
            if self.gradient is not None:
                gradient = np.array(self.store.get_or_compute("source_gradient", self.gradient))
        if self.options.sampler == "hypergradient" and self.source_weights is not None:
            start = self.store.get_or_compute("source_weights", self._find_source_weights).mixture
        return Prior(space, self.hull, design, gradient, self.warm_start, start)

    def _find_source_weights(self) -> FoundWeights:
        assert self.source_weights is not None
        self.progress.event(StageStarted(f"weights of the sources by hypergradient, in {TRAININGS:g} trainings' time"))
        return self.source_weights()

    def _proxy_design(self) -> ProxyDesign:
        self.progress.event(StageStarted("proxy of a few mixtures"))
        return ProxyDesign.of(self.store.space, self.proxy.otdd)

    def _find_repeated(self, number: int, index: int) -> Weights | None:
        """The mixture at this round and index, if it repeats another trial.

        A sampler would go on to propose the same mixture; a random neighbor is evaluated instead.
        """
        for trial in self.store.trials():
            if (trial.round, trial.index) == (number, index) and trial.repeat:
                return trial.point
        return None

    def evaluate(self, asked: Sequence[tuple[optuna.Trial, Weights]]) -> None:
        """Evaluate trials in parallel, and tell the study.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        calls = [(point, None, 0, self.store.space.augmentation_of(trial.params)) for trial, point in asked]
        results = self.objective.evaluate_many(calls, jobs=self.options.jobs)
        for (trial, _), result in zip(asked, results, strict=True):
            if isinstance(result, TrainingFailedError):
                keep_fact(trial, Failed(FailureReason.TRAINING, str(result)))
                self.store.study.tell(trial, state=TrialState.FAIL)
            else:
                keep_fact(trial, Trained.of(result))
                self.store.study.tell(trial, result.squared_error)
            self.report(trial.number)
        self.check_failures()

    def report(self, number: int) -> None:
        """Report how a trial ended as an event, if it was evaluated."""
        trials = self.store.trials()
        trial = next((one for one in trials if one.number == number), None)
        if trial is not None and trial.state == "failed":
            self.progress.event(TrialFailed(number, trial.reason))
        elif trial is not None and trial.error is not None:
            best: float = find_best(trials).error  # type: ignore[assignment]
            total = self.options.evaluations
            done = total - self.left()
            self.progress.event(TrialFinished(number, trial.role, trial.error, done=done, total=total, best=best))

    def check_failures(self) -> None:
        """Stop the search if several trainings in a row failed.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        last = [trial.state for trial in self.store.trials() if trial.state != "repeat"][-FAILURES:]
        if last == ["failed"] * FAILURES:
            raise GeosearchError(
                f"{FAILURES} trainings in a row failed, the last with: {self.store.trials()[-1].reason}; "
                "nothing is lost: fix the error and run the same command again (with --force-new if it is a setting)"
            )

    def rank(self, trials: Sequence[TrialRecord]) -> list[tuple[TrialRecord, float]]:
        """Evaluated trials with their expected errors, the smallest first.

        The posterior mean of a surrogate of all evaluations is less noisy than a single evaluation. Of several trials
        of one mixture, e.g. of two equal baselines, only the first is kept.
        """
        trials = drop_repeats(trials)
        errors = np.array([trial.error for trial in trials], dtype=float)
        if len(trials) >= FEWEST:
            errors = self._prior.expected([trial.point for trial in trials], errors)
        return [(trials[i], float(errors[i])) for i in np.argsort(errors, kind="stable")]

    @contextmanager
    def measure_stage(self, stage: str) -> Iterator[None]:
        """Context whose wall time is added to that of a stage.

        After an interrupt nothing is written: a transaction may still be open, and the write would wait for it.
        """
        start = time.perf_counter()
        try:
            yield
        except Exception:
            self.store.add_seconds(stage, time.perf_counter() - start)
            raise
        self.store.add_seconds(stage, time.perf_counter() - start)


def find_repeat(point: Weights, trials: Sequence[TrialRecord], pending: Sequence[Weights]) -> Repeat | None:
    """Which trial a mixture repeats, among those that are complete and those that are pending; None if it is new."""
    for old in trials:
        if old.state == "complete" and alike(old.point, point):
            return Repeat(old.number)
    return Repeat() if any(alike(other, point) for other in pending) else None
