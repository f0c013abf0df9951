"""The search itself: rounds of proposals, cheap fidelities, evaluations side by side, and the finalists.

A study is the same whether or not it was interrupted. The proposals of a round are all asked for before any of
them is evaluated; each has a seed made from its round and its place in it; so a killed round is simply asked for
again, and what it had finished is kept.
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
from warnings import catch_warnings, simplefilter

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, PartialFixedSampler, RandomSampler
from optuna.trial import TrialState

from geosearch import seeds
from geosearch.errors import GeosearchError, TrainingFailedError
from geosearch.mixture.baselines import SEARCHED
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.runtime.events import StageStarted, TrialFailed, TrialFinished
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Progress
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.fidelity.screening import Screening
from geosearch.search.finalists import promote
from geosearch.search.objective import Objective
from geosearch.search.process import ProcessId
from geosearch.search.racing import best_of
from geosearch.search.samplers.base import neighbour
from geosearch.search.samplers.prior import Prior, ProxyDesign
from geosearch.search.samplers.registry import build_sampler
from geosearch.search.samplers.surrogate import FEWEST
from geosearch.search.samplers.warm_start import WarmStart
from geosearch.search.study_store import StudyStore
from geosearch.search.trial import (
    Claim,
    Failed,
    FailureReason,
    Proposal,
    Trained,
    TrialRecord,
    drop_repeats,
    errors_by_mixture,
    keep_fact,
    proposal_of,
)

PATIENCE = 4  # proposals beyond a round's own that may be stopped early before one is drawn at random and let through
FAILURES = 3  # failed trainings in a row that end a search


@dataclass(frozen=True)
class SearchOptions:
    """How a search is run.

    Attributes:
        evaluations: trials that are trained, baselines included.
        sampler: who proposes: one of `SAMPLERS`.
        sampler_settings: keys of [search] that samplers declare.
        batch: proposals of one round, evaluated side by side; part of what fixes the numbers.
        finalists: trials that go on to the long recipe at once; more follow if they are worth it (`race`).
        repeats: long trainings per finalist that the budget has; a race spends them where they bring most.
        long_steps: its number of steps.
        prune: whether cheap fidelities are used: the proxy as prior knowledge of the sampler "hull", and proxy and
            closed form, while their rank agreement is trusted, to prune trials.
        proxy_cost_ratio: cost of the proxy in units of a short training; estimated, since measured times would make
            the results differ from run to run.
        seed: of the study.
        jobs: processes; changes no number.
    """

    evaluations: int = 24
    sampler: str = "hull"
    batch: int = 2
    finalists: int = 5
    repeats: int = 3
    long_steps: int = 1000
    prune: bool = True
    proxy_cost_ratio: float = 0.02
    seed: int = 0
    jobs: int = 1
    sampler_settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Search:
    """One study's search: `run` it to its budget, again and again."""

    store: StudyStore
    objective: Objective
    hull: Hull
    proxy: Proxy
    baselines: Mapping[str, Weights]
    options: SearchOptions
    progress: Progress
    warm_start: WarmStart | None = None
    gradient: Callable[[], list[float]] | None = None  # of an error in the sources' weights, if it is to be asked

    def run(self) -> TrialRecord:
        """Spend what is left of the budget, evaluate the finalists at length, and return the best trial.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        self.spend()
        return self.finish()

    def spend(self) -> None:
        """Run rounds until the budget is spent, or the study is shared with other processes.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        if not self.store.is_shared:
            self.store.reap()
        with one_thread():
            while self.left() > 0 and not self.store.is_shared:
                with self.timed("evaluations"):
                    self.evaluate(self.propose())

    def finish(self) -> TrialRecord:
        """Evaluate the finalists at length, once; returns the best trial."""
        if self.warm_start:
            done = errors_by_mixture(self.store.trials())
            task_similarity = self.warm_start.task_similarity(list(done), np.array(list(done.values())))
            self.store.update(task_similarity=task_similarity)
        with one_thread(), self.timed("finalists"):
            promote(
                self.store,
                self.objective,
                self.ranked([trial for trial in self.store.trials() if trial.state == "complete"]),
                first=self.options.finalists,
                repeats=self.options.repeats,
                steps=self.options.long_steps,
                jobs=self.options.jobs,
                progress=self.progress,
            )
        return best_of(self.store.trials())

    def left(self) -> int:
        """Evaluations of the budget that are not complete."""
        complete = self.store.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.options.evaluations - len(complete)

    def missing(self) -> tuple[int, int]:
        """The first round that is not full, and how many proposals it lacks."""
        filled = Counter(trial.round for trial in self.store.trials() if trial.state != "pruned")
        number = next(r for r in count() if filled[r] < self.options.batch)
        return number, min(self.options.batch - filled[number], self.left())

    def propose(self) -> list[tuple[optuna.Trial, Weights]]:
        """Ask for the missing proposals of the first round that is not full."""
        number, missing = self.missing()
        trials = self.store.trials()
        taken = [trial.index for trial in trials if trial.round == number]
        screening = self.screening([trial for trial in trials if trial.round < number])
        abandoned = self.store.abandoned()
        pending: list[Weights] = []
        asked: list[tuple[optuna.Trial, Weights]] = []
        for index in count():
            if len(asked) == missing:
                break
            if index not in taken:
                before = abandoned.get((number, index))
                trial, point = self._ask(number, index, before.params if before else None)
                given = proposal_of(trial).role != SEARCHED
                always = given or self._impatient(index) or (before is not None and before.admitted)
                if screening.should_train(trial, point, trials=trials, pending=pending, always=always):
                    asked.append((trial, point))
                    pending.append(point)
                else:
                    self.store.study.tell(trial, state=TrialState.PRUNED)
        return asked

    def screening(self, trials: Sequence[TrialRecord]) -> Screening:
        """What may stop a proposal, by the trials that ended."""
        screening = Screening(self.store.study, self.proxy, self.options.proxy_cost_ratio, self.progress)
        screening.update(trials, prune=self.options.prune)
        return screening

    def proposal(self, place: tuple[int, int], role: str, point: Weights) -> Proposal:
        """The facts of a proposal that a trial keeps.

        Args:
            place: its round, and its place in it.
            role: the baseline that it is, or "searched".
            point: its mixture.
        """
        start = time.perf_counter()
        distance = self.hull.distance(point)
        cost = time.perf_counter() - start
        return Proposal(*place, role, distance, cost)

    def build_sampler(self, seed: int, *, random: bool) -> BaseSampler:
        """A sampler for one proposal: the study's, or one that draws at random."""
        name = "random" if random else self.options.sampler
        return build_sampler(name, seed, self._prior, self.options.sampler_settings)

    def _ask(self, number: int, index: int, params: Mapping[str, Any] | None) -> tuple[optuna.Trial, Weights]:
        """The proposal of this round and place: a baseline, `params` asked before a crash, or the sampler's."""
        role = SEARCHED
        place = number * self.options.batch + index
        if place < len(self.baselines):
            role, baseline = list(self.baselines.items())[place]
            params = self.store.space.params_of(baseline)
        elif params is None and (twin := self._repeated(number, index - 1)):
            near = neighbour(twin, seeds.stream(self.options.seed, "neighbour", number, index))
            params = self.store.space.params_of(near)
        seed = seeds.integer(self.options.seed, "sampler", number, index)
        study = self.store.study
        study.sampler = _fixed(params) if params else self.build_sampler(seed, random=self._impatient(index))
        trial = study.ask()
        keep_fact(trial, Claim(ProcessId.here()))
        point = self.store.space.suggest(trial)
        keep_fact(trial, self.proposal((number, index), role, point))
        return trial, point

    def _impatient(self, index: int) -> bool:
        """Whether so many proposals of a round were stopped that the one at this place is to be let through."""
        return index >= self.options.batch + PATIENCE

    @cached_property
    def _prior(self) -> Prior:
        """What the sampler knows beforehand; what takes time is found out once for the study."""
        space, design, gradient = self.store.space, None, None
        if self.options.sampler == "hull":
            if self.options.prune:
                design = self.store.get_or_compute("proxy_design", self._proxy_design)
            if self.gradient is not None:
                gradient = np.array(self.store.get_or_compute("source_gradient", self.gradient))
        return Prior(space, self.hull, design, gradient, self.warm_start)

    def _proxy_design(self) -> ProxyDesign:
        self.progress.event(StageStarted("proxy of a few mixtures"))
        return ProxyDesign.of(self.store.space, self.proxy.otdd)

    def _repeated(self, number: int, index: int) -> Weights | None:
        """The point of this round and place, if it was stopped because it repeats an older trial.

        A sampler that is sure of an evaluated point proposes it for ever; its neighbourhood is what it means.
        """
        for trial in self.store.trials():
            if (trial.round, trial.index) == (number, index) and trial.pruned and trial.pruned.reason.is_repeat:
                return trial.point
        return None

    def evaluate(self, asked: Sequence[tuple[optuna.Trial, Weights]]) -> None:
        """Train what was asked for, side by side, and tell the study.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        results = self.objective.many([(point, None, 0) for _, point in asked], jobs=self.options.jobs)
        for (trial, _), result in zip(asked, results, strict=True):
            if isinstance(result, TrainingFailedError):
                keep_fact(trial, Failed(FailureReason.TRAINING, str(result)))
                self.store.study.tell(trial, state=TrialState.FAIL)
            else:
                keep_fact(trial, Trained(result.top1_error, result.wall_seconds, result.note))
                self.store.study.tell(trial, result.squared_error)
            self.report(trial.number)
        self.check_failures()

    def report(self, number: int) -> None:
        """Tell the progress how a trial ended, if it was evaluated."""
        trials = self.store.trials()
        trial = next((one for one in trials if one.number == number), None)
        if trial is not None and trial.state == "failed":
            self.progress.event(TrialFailed(number, trial.reason))
        elif trial is not None and trial.error is not None:
            best: float = best_of(trials).error  # type: ignore[assignment]
            total = self.options.evaluations
            done = total - self.left()
            self.progress.event(TrialFinished(number, trial.role, trial.error, done=done, total=total, best=best))

    def check_failures(self) -> None:
        """Stop where training after training fails.

        Raises:
            GeosearchError: several trainings in a row failed.
        """
        last = [trial.state for trial in self.store.trials() if trial.state != "pruned"][-FAILURES:]
        if last == ["failed"] * FAILURES:
            raise GeosearchError(
                f"{FAILURES} trainings in a row failed, the last with: {self.store.trials()[-1].reason}; "
                "nothing is lost: fix the error and run the same command again (with --force-new if it is a setting)"
            )

    def ranked(self, trials: Sequence[TrialRecord]) -> list[tuple[TrialRecord, float]]:
        """Evaluated trials with the errors expected of them, the least first.

        What a surrogate of all evaluations expects of each is less a matter of luck than what was observed of it.
        Trials of one mixture, e.g. baselines that fall together, are one: the first.
        """
        trials = drop_repeats(trials)
        errors = np.array([trial.error for trial in trials], dtype=float)
        if len(trials) >= FEWEST:
            errors = self._prior.expected([trial.point for trial in trials], errors)
        return [(trials[i], float(errors[i])) for i in np.argsort(errors, kind="stable")]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of what is done in this context to the stage's.

        Not if it is interrupted: that may have been within a transaction, for whose end the next to write would wait.
        """
        start = time.perf_counter()
        try:
            yield
        except Exception:
            self.store.add_seconds(stage, time.perf_counter() - start)
            raise
        self.store.add_seconds(stage, time.perf_counter() - start)


def _fixed(params: Mapping[str, Any]) -> BaseSampler:
    """Proposes the parameters that it is given.

    Not `Study.enqueue_trial`: if the process were killed before `ask`, another proposal would get the parameters.
    """
    with catch_warnings():
        simplefilter("ignore", ExperimentalWarning)
        return PartialFixedSampler(dict(params), RandomSampler(seed=0))
