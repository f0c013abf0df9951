"""Proxy: the OTDD between a mixture and held-out target points, a cheap evaluation of the mixture."""

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

_NEARLY_EXACT = Exact(tolerance=0.02)  # gap of plan and lower bound; their mean is exact to one percent


@dataclass(frozen=True, eq=False)
class Proxy:
    """OTDD between a mixture and target points that no map was fitted to.

    Attributes:
        anchors: what mixtures are made of.
        z: (n, d) features of held-out target points with pseudo-labels.
        start: (n,) their potentials for the uniform mixture: a warm start for the solver that does not depend on the
            order of evaluations.
        seed: of the study.
    """

    anchors: Anchors
    z: np.ndarray
    start: np.ndarray | None
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
        """Squared feature units, smaller is better; exact to one percent: the mean of the plan's cost and lower bound.

        All mixtures are drawn with the same random numbers.
        """
        plan = self._plan(weights)
        return plan.value if plan.lower_bound is None else (plan.value + plan.lower_bound) / 2

    def points(self, weights: Weights) -> np.ndarray:
        """(n, d) features of images of the mixture.

        The images are made and encoded: mixing features is cheaper, but ranks mixtures worse (reports/transport.md).
        """
        images, labels = Mixture(self.anchors, weights).draw(len(self.z), seeds.stream(self.seed, "proxy"))
        return self.anchors.embed(np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8), labels)

    def _plan(self, weights: Weights) -> Plan:
        return solve(Problem.plain(self.points(weights), self.z), _NEARLY_EXACT, start=self.start)
