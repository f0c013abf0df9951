"""OTDD: the distance between two labelled data sets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from geosearch import seeds
from geosearch.cache import Cache
from geosearch.domain.dataset import LabelledSet
from geosearch.domain.embed import Embedding, Pixels
from geosearch.errors import DomainMismatch
from geosearch.transport.cost import Problem
from geosearch.transport.labels import GaussianLabels, LabelDistance, label_vectors
from geosearch.transport.plan import Parts, Plan
from geosearch.transport.solve import Exact, Solver, solve

_GAUSSIAN, _EXACT, _PIXELS = GaussianLabels(), Exact(), Pixels()


@dataclass(frozen=True, eq=False)
class Distance:
    """How far two labelled sets are apart.

    Attributes:
        value: mean ground cost under the plan, squared feature units; the OTDD when the plan is optimal.
        parts: the value split into features and labels.
        embedded_value: mean squared distance of z = (sqrt(lx) x, sqrt(ly) e_y) under the same plan.
        label_distortion: relative error of the label vectors' squared distances.
        label_table: (c, c2) squared W2 between the classes of the two sets.
        plan: who went where.
        converged: whether the solver reached what it promises.
        wall_seconds: time of everything above.
        size: rows used of each set.
    """

    value: float
    parts: Parts
    embedded_value: float
    label_distortion: float
    label_table: np.ndarray = field(repr=False)
    plan: Plan = field(repr=False)
    converged: bool
    wall_seconds: float
    size: tuple[int, int]


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

    Args:
        a: first set, images (n, h, w, ch).
        b: second set, images (p, h, w, ch).
        labels: distance between classes.
        solver: how the plan is found.
        embedding: where the cost is measured.
        samples: at most this many rows of each set, drawn evenly over the classes; all if None.
        seed: of that draw.
        feature_weight: lx in the ground cost.
        label_weight: ly in the ground cost.
        cache: where fitted embeddings are kept; the default cache if None.

    Raises:
        DomainMismatch: image shapes differ.
        TooLarge: the plan would not fit into memory.
    """
    start = time.perf_counter()
    if a.shape != b.shape:
        raise DomainMismatch(
            f"set '{a.name}' has images {a.shape}, set '{b.name}' {b.shape}; harmonise them to one size first"
        )
    if samples is not None:
        a, b = (part.sample(samples, seeds.stream(seed, "otdd", part.name)) for part in (a, b))
    encoder = embedding.fit([a, b], seed=seed, cache=cache or Cache.default())
    x, x2 = encoder.encode(a.images), encoder.encode(b.images)
    c, c2 = len(a.classes), len(b.classes)
    joint = labels.table([x[a.labels == k] for k in range(c)] + [x2[b.labels == k] for k in range(c2)])
    vectors = label_vectors(joint)
    problem = Problem(
        x,
        a.labels,
        x2,
        b.labels,
        joint[:c, c:],
        feature_weight=feature_weight,
        label_weight=label_weight,
        vectors=(vectors.vectors[:c], vectors.vectors[c:]),
    )
    plan = solve(problem, solver)
    embedded = Plan.of(problem.embedded(), plan.coupling, converged=plan.converged, message=plan.message)
    return Distance(
        value=plan.value,
        parts=plan.parts,
        embedded_value=embedded.value,
        label_distortion=vectors.distortion,
        label_table=joint[:c, c:],
        plan=plan,
        converged=plan.converged,
        wall_seconds=time.perf_counter() - start,
        size=(len(a), len(b)),
    )
