"""Search: rounds of proposals and their evaluations in a single process, then the race of the finalists.

An interrupted study gives the same result as an uninterrupted one. All proposals of a round are asked for before any
of them is evaluated, and the seed of each depends on its round and its index only. After an interrupt the round is
asked for again, and evaluations that had finished are reused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from optuna.trial import TrialState

from geosearch.mixture.baselines import POOLED
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.runtime.events import SearchStopped
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Progress
from geosearch.search.evaluations import Evaluator
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.finalists import promote
from geosearch.search.no_gain import NoGain
from geosearch.search.objective import Objective
from geosearch.search.options import SearchOptions
from geosearch.search.prior_knowledge import PriorKnowledge
from geosearch.search.proposals import EXHAUSTED, Proposer
from geosearch.search.racing import find_best
from geosearch.search.samplers.hypergradient import FoundWeights
from geosearch.search.samplers.surrogate import FEWEST
from geosearch.search.samplers.warm_start import WarmStart
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_record import TrialRecord, drop_repeats


@dataclass(frozen=True, eq=False)
class Search:
    """The search of one study; `run` continues where an earlier run stopped.

    A prior scores any mixture without training (`PriorKnowledge`). The sampler, the Gaussian process on the hull by
    default, fits a surrogate to prior and trials, and its acquisition function chooses what is proposed (`Proposer`).
    Each proposal is trained (`Evaluator`) until the budget is spent. The trials of least expected error (`rank`) race
    with the long recipe (`finalists.promote`).

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
                if self.proposer.is_exhausted():
                    self.progress.event(SearchStopped(EXHAUSTED))
                    break
                with self.measure_stage("evaluations"):
                    self.evaluator.evaluate(self.proposer.propose())

    def finish(self) -> TrialRecord:
        """Train the finalists with the long recipe, unless that is done or the search ended early; the best trial."""
        if ended := self.find_no_gain():
            return find_best(self.store.trials(), ended.answer)
        self.knowledge.store_task_similarity()
        with one_thread(), self.measure_stage("finalists"):
            ranked = self.rank([trial for trial in self.store.trials() if trial.state == "complete"])
            promote(self.store, self.objective, ranked, options=self.options, progress=self.progress)
        return find_best(self.store.trials())

    def left(self) -> int:
        """Number of evaluations that are left of the budget."""
        complete = self.store.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.options.evaluations - len(complete)

    def find_no_gain(self) -> NoGain | None:
        """Why the search ends after its baselines; None if it goes on.

        Decided once, by the trials of the rounds that hold baselines; a larger budget goes on for good.
        """
        if not self.options.stops or self.store.is_shared:
            return None
        if (record := self.store.record).no_gain:
            return record.no_gain if record.stops(self.options.evaluations) else None
        usual = POOLED if self.objective.farther else ""
        if found := NoGain.of_baselines(self.store.trials(), len(self.baselines), self.options, usual):
            self.store.update(no_gain=found)
            self.progress.event(SearchStopped(found.sentence))
        return found

    def rank(self, trials: Sequence[TrialRecord]) -> list[tuple[TrialRecord, float]]:
        """Evaluated trials with their expected errors, the smallest first.

        The posterior mean of a surrogate of all evaluations is less noisy than a single evaluation. Of several trials
        of one mixture, e.g. of two equal baselines, only the first is kept.
        """
        trials = drop_repeats(trials)
        errors = np.array([trial.error for trial in trials], dtype=float)
        if len(trials) >= FEWEST:
            errors = self.knowledge.prior.expected([trial.point for trial in trials], errors)
        return [(trials[i], float(errors[i])) for i in np.argsort(errors, kind="stable")]

    @cached_property
    def knowledge(self) -> PriorKnowledge:
        """What is known of a mixture before it is trained."""
        return PriorKnowledge(
            self.store,
            self.hull,
            self.proxy,
            self.options.sampler,
            self.progress,
            self.warm_start,
            self.gradient,
            self.source_weights,
        )

    @cached_property
    def proposer(self) -> Proposer:
        """What proposes the next mixtures."""
        return Proposer(self.store, self.knowledge, self.baselines, self.options, self.progress)

    @cached_property
    def evaluator(self) -> Evaluator:
        """What trains the proposed mixtures."""
        return Evaluator(self.store, self.objective, self.options, self.progress)

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
