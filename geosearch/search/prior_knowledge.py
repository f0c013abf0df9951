"""PriorKnowledge: what a study knows of mixtures before it trains on any; its slow parts are computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.pretraining.source_weighting import TRAININGS
from geosearch.runtime.events import StageStarted
from geosearch.runtime.progress import Progress
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.samplers.hypergradient import FoundWeights
from geosearch.search.samplers.prior import Prior, ProxyDesign
from geosearch.search.samplers.warm_start import WarmStart
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_record import errors_by_mixture


@dataclass(frozen=True, eq=False)
class PriorKnowledge:
    """The prior of a study's sampler; what is slow to compute is kept in the study.

    Attributes:
        store: the study.
        hull: closed-form distances to the target.
        proxy: the cheap evaluation.
        sampler: name of the sampler; it decides what is needed.
        progress: listens to the run.
        warm_start, gradient, source_weights: as in `Search`.
    """

    store: StudyStore
    hull: Hull
    proxy: Proxy
    sampler: str
    progress: Progress
    warm_start: WarmStart | None = None
    gradient: Callable[[], tuple[float, ...]] | None = None
    source_weights: Callable[[], FoundWeights] | None = None

    @cached_property
    def prior(self) -> Prior:
        """Computed at the first use."""
        design, gradient, start = self._design(), self._gradient(), self._start()
        return Prior(self.store.space, self.hull, design, gradient, self.warm_start, start)

    def store_task_similarity(self) -> None:
        """Store how well each earlier study predicts the errors of this one."""
        if self.warm_start:
            done = errors_by_mixture(self.store.trials())
            task_similarity = self.warm_start.task_similarity(list(done), np.array(list(done.values())))
            self.store.update(task_similarity=task_similarity)

    def _design(self) -> ProxyDesign | None:
        def compute() -> ProxyDesign:
            self.progress.event(StageStarted("proxy of a few mixtures"))
            return ProxyDesign.of(self.store.space, self.proxy.otdd)

        if not self._is_geometric:
            return None
        return self.store.get_or_compute("debiased_design", compute)

    def _gradient(self) -> np.ndarray | None:
        if not self._is_geometric or self.gradient is None:
            return None
        return np.array(self.store.get_or_compute("source_gradient", self.gradient))

    def _start(self) -> Weights | None:
        if self.sampler != "hypergradient" or (train := self.source_weights) is None:
            return None

        def compute() -> FoundWeights:
            stage = f"weights of the sources by hypergradient, in {TRAININGS:g} trainings' time"
            self.progress.event(StageStarted(stage))
            return train()

        return self.store.get_or_compute("source_weights", compute).mixture

    @property
    def _is_geometric(self) -> bool:
        """Whether the sampler's surrogate lies on the hull and takes cheap scores."""
        return self.sampler in ("hull", "hypergradient")
