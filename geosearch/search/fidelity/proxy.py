"""Proxy: the debiased OTDD between a mixture and held-out target points, a cheap evaluation of the mixture."""

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
    """Debiased OTDD between a mixture and target points that no map was fitted to.

    Between samples of n points OTDD is too large, the more so the wider the mixture is spread, so it would prefer
    mixtures that are less spread than the target. Half the OTDD between two independent samples of the mixture, rho
    and rho', is subtracted: OTDD(rho, Q) - OTDD(rho, rho') / 2. The term of the target, OTDD(Q, Q') / 2, is the same
    for all mixtures and left out. Source: Genevay, Peyré & Cuturi 2018; Feydy et al. 2019, eq. 3.

    Attributes:
        anchors: what mixtures are made of.
        z: (n, d) features of held-out target points with pseudo-labels.
        starts: (n,) potentials of z and of rho' for the uniform mixture: warm starts for the solver that do not depend
            on the order of evaluations.
        seed: of the study.
    """

    anchors: Anchors
    z: np.ndarray
    starts: tuple[np.ndarray | None, np.ndarray | None]
    seed: int

    @classmethod
    def of(cls, anchors: Anchors, held_out: LabelledSet, *, samples: int, seed: int) -> Proxy:
        """At most `samples` of the held-out points, the same for every mixture of a study."""
        chosen = held_out.sample(samples, seeds.stream(seed, "held-out"))
        bare = cls(anchors, anchors.embed_target(chosen.images, chosen.labels), (None, None), seed)
        across, within = bare._plans(Weights.uniform(len(anchors.sources)))
        return replace(bare, starts=(_column_potentials(across), _column_potentials(within)))

    def otdd(self, weights: Weights) -> float:
        """Squared feature units, smaller is better; each of the two terms is exact to one percent.

        All mixtures are drawn with the same random numbers.
        """
        across, within = self._plans(weights)
        return _middle(across) - _middle(within) / 2

    def points(self, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
        """(k, d) features of images of the mixture, and those of k others: rho and rho'; k = n if that can be.

        Both are made from reference images of their own: the reference is a sample itself, and what two samples of the
        mixture share hides how far apart they are. The images are made and encoded: mixing features is cheaper, but
        ranks mixtures worse (reports/transport.md).
        """
        rng, size = seeds.stream(self.seed, "proxy"), len(self.anchors.reference)
        k = min(len(self.z), size // 2)
        images, labels = Mixture(self.anchors, weights).mix_rows(rng.permutation(size)[: 2 * k], rng)
        z = self.anchors.embed(np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8), labels)
        return z[:k], z[k:]

    def _plans(self, weights: Weights) -> tuple[Plan, Plan]:
        """From rho to the target, and from rho to rho'."""
        rho, other = self.points(weights)
        pairs = zip((self.z, other), self.starts, strict=True)
        across, within = (solve(Problem.plain(rho, to), _NEARLY_EXACT, start=start) for to, start in pairs)
        return across, within


def _column_potentials(plan: Plan) -> np.ndarray | None:
    return None if plan.potentials is None else plan.potentials[1]


def _middle(plan: Plan) -> float:
    """The mean of a plan's cost and its lower bound."""
    return plan.value if plan.lower_bound is None else (plan.value + plan.lower_bound) / 2
