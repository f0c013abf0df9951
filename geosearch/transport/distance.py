"""Distance: the optimal transport data set distance (OTDD) of two labelled data sets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import DomainMismatchError
from geosearch.runtime.cache import Cache
from geosearch.transport.label_distances.base import LabelDistance
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.label_embedding import LabelVectors, label_vectors
from geosearch.transport.plan import CostParts, Plan, mean_cost
from geosearch.transport.problem import ClassVectors, Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.base import Solver
from geosearch.transport.solvers.exact import Exact

_GAUSSIAN, _EXACT, _PIXELS = GaussianLabels(), Exact(), Pixels()


@dataclass(frozen=True, eq=False)
class Distance:
    """The OTDD of two labelled data sets, with its plan.

    `embedded_value` and the label vectors need the distances between classes of the same set; they are computed when
    first accessed.

    Attributes:
        value: mean ground cost under the plan, squared feature units; the OTDD when the plan is optimal.
        parts: the value split into features and labels.
        converged: whether the solver reached its tolerance; see `plan.message`.
        wall_seconds: time for encoding, label distances and plan.
        size: rows used of each set.
        label_table: (c, c2) squared W2 between the classes of the two sets; NaN for classes without rows.
        plan: the transport plan.
    """

    value: float
    parts: CostParts
    converged: bool
    wall_seconds: float
    size: tuple[int, int]
    label_table: np.ndarray = field(repr=False)
    plan: Plan = field(repr=False)
    _joint: _JointLabels = field(repr=False)
    _problem: Problem = field(repr=False)

    @cached_property
    def embedded_value(self) -> float:
        """Mean squared distance of z = (sqrt(lx) x, sqrt(ly) e_y) under the same plan."""
        parts = mean_cost(self._problem.embedded(), self.plan.coupling)
        return parts.features + parts.labels

    @property
    def label_vectors(self) -> LabelVectors:
        """(c + c2, r) vectors of the first set's classes, then the second's."""
        return self._joint.vectors

    @property
    def label_distortion(self) -> float:
        """Relative error of the label vectors' squared distances; 0 when the table is Euclidean."""
        return self.label_vectors.distortion


def otdd(
    a: LabelledSet,
    b: LabelledSet,
    *,
    labels: LabelDistance = _GAUSSIAN,
    solver: Solver = _EXACT,
    embedding: Embedding = _PIXELS,
    samples: int | None = None,
    seed: int = 0,
    feature_weight: float = 1.0,
    label_weight: float = 1.0,
    cache: Cache | None = None,
) -> Distance:
    """Optimal transport distance between two labelled sets. Source: Alvarez-Melis & Fusi 2020.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> one, other = digits.take(range(100)), digits.take(range(100, 200))
        >>> distance = geosearch.otdd(one, other, labels=geosearch.MeanLabels())
        >>> round(distance.value, 1) == round(distance.parts.features + distance.parts.labels, 1)
        True
        >>> geosearch.otdd(one, one).value < 1e-3
        True

    Args:
        a: first set, images (n, h, w, ch).
        b: second set, images (p, h, w, ch).
        labels: distance between classes.
        solver: solver of the transport problem.
        embedding: feature space of the cost.
        samples: at most this many rows of each set, drawn evenly over the classes; all if None.
        seed: seed of the sample.
        feature_weight: lx in the ground cost  lx |x - x'|^2 + ly W2^2(y, y').
        label_weight: ly.
        cache: where fitted embeddings are stored; the default cache if None.

    Raises:
        DomainMismatchError: image shapes differ.
        TooLargeError: the plan would not fit into memory.
    """
    start = time.perf_counter()
    if a.shape != b.shape:
        raise DomainMismatchError(
            f"set '{a.name}' has images {a.shape}, set '{b.name}' {b.shape}; harmonize them to one size first"
        )
    if samples is not None:
        a, b = (one.sample(samples, seeds.stream(seed, "otdd", one.fingerprint)) for one in (a, b))
    encoder = embedding.fit([a, b], seed=seed, cache=cache or Cache.default())
    x, x2 = encoder.encode(a.images), encoder.encode(b.images)
    joint = _JointLabels(labels, (x, a), (x2, b))
    table = joint.cross
    problem = Problem(
        x,
        a.labels,
        x2,
        b.labels,
        table,
        feature_weight=feature_weight,
        label_weight=label_weight,
        vectors=joint.split,
    )
    plan = solve(problem, solver)
    wall_seconds = time.perf_counter() - start
    return Distance(plan.value, plan.parts, plan.converged, wall_seconds, (len(a), len(b)), table, plan, joint, problem)


@dataclass(frozen=True, eq=False)
class _JointLabels:
    """The label distances of two sets, computed when first accessed."""

    labels: LabelDistance
    first: tuple[np.ndarray, LabelledSet]  # features (n, d) of the set
    second: tuple[np.ndarray, LabelledSet]

    @cached_property
    def cross(self) -> np.ndarray:
        """(c, c2)"""
        return self.labels.table(_by_class(*self.first), _by_class(*self.second))

    @cached_property
    def vectors(self) -> LabelVectors:
        """(c + c2, r)"""
        within, within2 = (self.labels.table(_by_class(*one)) for one in (self.first, self.second))
        return label_vectors(np.block([[within, self.cross], [self.cross.T, within2]]))

    def split(self) -> ClassVectors:
        vectors, c = self.vectors.vectors, len(self.first[1].classes)
        return vectors[:c], vectors[c:]


def _by_class(features: np.ndarray, data: LabelledSet) -> list[np.ndarray]:
    return [features[data.labels == label] for label in range(len(data.classes))]
