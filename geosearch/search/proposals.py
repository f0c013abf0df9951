"""Proposer: asks for the mixtures of a round, each with its cheap scores; repeats are not evaluated.

The seed of a proposal depends on its round and its index only, so after an interrupt the same round is asked for.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from geosearch import seeds
from geosearch.mixture.baselines import SEARCHED
from geosearch.mixture.weights import Weights
from geosearch.runtime.events import TrialRepeated
from geosearch.runtime.progress import Progress
from geosearch.search.options import SearchOptions
from geosearch.search.prior_knowledge import PriorKnowledge
from geosearch.search.process import ProcessId
from geosearch.search.samplers.base import alike, random_neighbor
from geosearch.search.samplers.registry import build_sampler
from geosearch.search.samplers.stock import fixed_sampler
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import Claim, Proposal, ProxyValue, Repeat, keep_fact, proposal_of
from geosearch.search.trial_record import TrialRecord

REPEATS = 100  # proposals in a row that only repeat others, after which no new mixture is expected
EXHAUSTED = (
    f"No mixture is left to evaluate: the last {REPEATS} proposals repeated others. The limits allow few mixtures; "
    "a smaller search.evaluations, or wider [limits], would do."
)


@dataclass(frozen=True, eq=False)
class Proposer:
    """Proposes the next mixtures of a study: its baselines first, then those that the sampler chooses.

    Attributes:
        store: the study.
        knowledge: the cheap evaluations, and the prior of the sampler.
        baselines: role -> mixture; the first trials.
        options: how the search is run.
        progress: listens to the run.
    """

    store: StudyStore
    knowledge: PriorKnowledge
    baselines: Mapping[str, Weights]
    options: SearchOptions
    progress: Progress

    def propose(self) -> list[tuple[optuna.Trial, Weights]]:
        """Ask for the missing proposals of the first round that is not full."""
        trials = self.store.trials()
        number, missing = self._find_missing(trials)
        taken = [trial.index for trial in trials if trial.round == number]
        interrupted = self.store.interrupted_proposals()
        asked: list[tuple[optuna.Trial, Weights]] = []
        for index in count():
            if len(asked) == missing or self.is_exhausted():
                break
            if index in taken:
                continue
            trial, point = self._ask(number, index, interrupted.get((number, index)))
            is_baseline = proposal_of(trial).role != SEARCHED
            repeat = None if is_baseline else find_repeat(point, trials, [other for _, other in asked])
            if repeat:
                self.record_repeat(trial, repeat)
                self.store.study.tell(trial, state=TrialState.PRUNED)
            else:
                self.measure_proxy(trial, point)
                asked.append((trial, point))
        return asked

    def is_exhausted(self) -> bool:
        """Whether the last `REPEATS` proposals only repeated others: the limits allow no mixture that is new."""
        last = [trial.state for trial in self.store.trials()][-REPEATS:]
        return last == ["repeat"] * REPEATS

    def proposal(self, place: tuple[int, int], role: str, point: Weights) -> Proposal:
        """The `Proposal` that is stored with a trial.

        Args:
            place: its round, and its index in the round.
            role: the baseline that it is, or "searched".
            point: its mixture.
        """
        start = time.perf_counter()
        distance = self.knowledge.hull.distance(point)
        cost = time.perf_counter() - start
        return Proposal(*place, role, distance, cost)

    def measure_proxy(self, trial: optuna.Trial, point: Weights) -> None:
        """Store the proxy of a trial's mixture; it is compared with the error in the report."""
        start = time.perf_counter()
        otdd = self.knowledge.proxy.otdd(point)
        keep_fact(trial, ProxyValue(otdd, time.perf_counter() - start))

    def record_repeat(self, trial: optuna.Trial, repeat: Repeat) -> None:
        """Store and report that a trial is not trained."""
        keep_fact(trial, repeat)
        self.progress.event(TrialRepeated(trial.number, str(repeat)))

    def build_sampler(self, seed: int, *, random: bool = False) -> BaseSampler:
        """A sampler for one proposal: the study's, or a random one."""
        name = "random" if random else self.options.sampler
        return build_sampler(name, seed, self.knowledge.prior, self.options.sampler_settings)

    def _find_missing(self, trials: Sequence[TrialRecord]) -> tuple[int, int]:
        """The first round that is not full, and how many proposals it lacks."""
        filled = Counter(trial.round for trial in trials if trial.state != "repeat")
        number = next(r for r in count() if filled[r] < self.options.batch)
        left = self.options.evaluations - sum(trial.state == "complete" for trial in trials)
        return number, min(self.options.batch - filled[number], left)

    def _ask(self, number: int, index: int, params: Mapping[str, Any] | None) -> tuple[optuna.Trial, Weights]:
        """The proposal of this round and index: a baseline, an interrupted proposal (`params`), or the sampler's."""
        role = SEARCHED
        order = number * self.options.batch + index
        if order < len(self.baselines):
            role, baseline = list(self.baselines.items())[order]
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

    def _find_repeated(self, number: int, index: int) -> Weights | None:
        """The mixture at this round and index, if it repeats another trial.

        A sampler would go on to propose the same mixture; a random neighbor is evaluated instead.
        """
        for trial in self.store.trials():
            if (trial.round, trial.index) == (number, index) and trial.repeat:
                return trial.point
        return None


def find_repeat(point: Weights, trials: Sequence[TrialRecord], pending: Sequence[Weights]) -> Repeat | None:
    """Which trial a mixture repeats, among those that are complete and those that are pending; None if it is new."""
    for old in trials:
        if old.state == "complete" and alike(old.point, point):
            return Repeat(old.number)
    return Repeat() if any(alike(other, point) for other in pending) else None
