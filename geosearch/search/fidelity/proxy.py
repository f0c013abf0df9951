"""Proxy: the cheap opinion of a mixture, its distance to target points that no map was built from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.exact import Exact

_NEARLY_EXACT = Exact(tolerance=0.02)  # plan and lower bound so close together; half-way lies within a per cent


@dataclass(frozen=True, eq=False)
class Proxy:
    """OTDD between a mixture and target points that no map was built from, solved for real in z."""

    anchors: Anchors
    z: np.ndarray  # (n, d) held-out target points with pseudo-labels
    start: np.ndarray | None  # (n,) their potentials for the uniform mixture: a warm start that no order changes
    seed: int

    @classmethod
    def of(cls, anchors: Anchors, held_out: LabelledSet, *, samples: int, seed: int) -> Proxy:
        """At most `samples` of the held-out points, the same for every mixture of a study."""
        chosen = held_out.sample(samples, seeds.stream(seed, "held-out"))
        bare = cls(anchors, anchors.embed_target(chosen.images, chosen.labels), None, seed)
        m = len(anchors.sources)
        potentials = bare._plan(Weights.of(np.full(m, 1 / m))).potentials
        return replace(bare, start=None if potentials is None else potentials[1])

    def otdd(self, weights: Weights) -> float:
        """Squared feature units, smaller is better, within a per cent: between the plan's cost and its lower bound.

        All mixtures are drawn with the same random numbers.
        """
        plan = self._plan(weights)
        return plan.value if plan.lower_bound is None else (plan.value + plan.lower_bound) / 2

    def points(self, weights: Weights) -> np.ndarray:
        """(n, d) images of the mixture in z. They are made and encoded: mixing z instead would spare that, but
        would not see that mixed images look like none of their parts, and agrees less (reports/transport.md)."""
        images, labels = Mixture(self.anchors, weights).draw(len(self.z), seeds.stream(self.seed, "proxy"))
        return self.anchors.embed(np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8), labels)

    def _plan(self, weights: Weights) -> Plan:
        return solve(Problem.plain(self.points(weights), self.z), _NEARLY_EXACT, start=self.start)
