"""HypergradientSampler: the weights that one training has found, then those of HullSampler with these as prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.mixture.weights import Weights
from geosearch.search.samplers.base import EvaluatedMixtures, alike
from geosearch.search.samplers.hull_gp import HullSampler
from geosearch.search.samplers.registry import SAMPLERS


@dataclass(frozen=True)
class FoundWeights:
    """Weights of the sources that a training has found (`geosearch.pretraining.SourceWeighting`).

    Attributes:
        values: (m,) with sum 1.
        seconds: wall time of the training.
    """

    values: tuple[float, ...]
    seconds: float

    @property
    def mixture(self) -> Weights:
        """The mixture that the training weighted its losses like: every image comes from one source.

        >>> FoundWeights((0.7, 0.3), seconds=2.0).mixture
        Weights(values=(0.7, 0.3), concentration=0.0, pairing='transport')
        """
        return Weights.of(self.values, concentration=0.0)


@SAMPLERS.register(
    "hypergradient",
    "weights that descend the error in one training (Raghu et al. 2021; FastMix, Tan et al. 2026), then as `hull` with "
    "these as prior",
)
class HypergradientSampler(HullSampler):
    """Proposes the weights that a training has found (`Prior.start`), or the nearest that the limits allow.

    Every further proposal is that of `HullSampler`. One of the cheap scores is the squared distance from these weights,
    so that the surrogate begins with the belief that the error grows with it, and learns how far that is so. Without
    found weights the sampler is a `HullSampler`.

    Source: Tan et al. 2026 (FastMix), Raghu et al. 2021, for the weights; what follows them is ours.
    """

    def propose(self, done: EvaluatedMixtures, pending: Sequence[Weights], rng: np.random.Generator) -> Weights:
        start = self._prior.start
        if start is not None:
            first = self.space.nearest(start)
            if not any(alike(first, one) for one in (*done.weights, *pending)):
                return first
        return super().propose(done, pending, rng)
