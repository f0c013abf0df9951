"""Entropic: a smooth map from dual potentials, defined for every image of the target's domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from geosearch.errors import InvalidOptionError
from geosearch.runtime.cache import Cache
from geosearch.transport.maps.base import MAPS, Pair, Pushforward
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.sinkhorn import Sinkhorn

_BLOCK = 512  # images mapped at a time


@MAPS.register("entropic", "by smooth potentials")
@dataclass(frozen=True)
class Entropic:
    """T(x) = softmax_j((g_j - c(x, x'_j)) / epsilon) x'_j, from the potentials g of one plan onto the whole source.

    The same formula holds for images inside and outside the reference; images blur as epsilon grows.
    Source: Pooladian & Niles-Weed 2021.

    Attributes:
        solver: solver of the potentials.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> target, source = digits.take(range(50)), digits.take(range(50, 100))
        >>> encoder = geosearch.Pixels().fit([source], seed=0, cache=None)
        >>> options = geosearch.AnchorOptions(map=geosearch.Entropic())
        >>> geosearch.build_anchors(target, [source], encoder, options=options).sources[0].images.shape
        (50, 8, 8, 1)
    """

    solver: Sinkhorn = field(default_factory=Sinkhorn)

    def fit(self, pair: Pair, *, seed: int, cache: Cache) -> PotentialMap:
        x, x2 = pair.encoder.encode(pair.reference.images), pair.encoder.encode(pair.source.images)
        plan = solve(make_problem(pair, x, pair.reference.labels, x2, pair.source.labels), self.solver)
        if plan.potentials is None:
            raise InvalidOptionError(
                f"Entropic needs a solver with potentials, {self.solver} gives none; use Sinkhorn()"
            )
        return PotentialMap(pair, plan.potentials[1], plan.epsilon, plan.value, plan.message)

    def restore(self, pair: Pair, state: Mapping[str, np.ndarray]) -> PotentialMap:
        epsilon, otdd = map(float, state["scalars"])
        return PotentialMap(pair, np.array(state["g"]), epsilon, otdd, bytes(state["message"]).decode())


@dataclass(frozen=True, eq=False)
class PotentialMap:
    """See `Entropic`.

    Attributes:
        pair: what it was fitted to.
        g: (p,) dual potentials of the source's images.
        epsilon: temperature of the softmax, squared feature units; at 0 the one image of least c - g.
        otdd: mean ground cost of the plan.
        solver_message: how the solver ended.
    """

    pair: Pair
    g: np.ndarray
    epsilon: float
    otdd: float
    solver_message: str
    replicas: int = 1

    @property
    def message(self) -> str:
        return f"{self.solver_message}; every target image goes through the same potentials"

    @property
    def curves(self) -> Mapping[str, np.ndarray]:
        return {}

    @cached_property
    def _features(self) -> np.ndarray:
        return self.pair.encoder.encode(self.pair.source.images)

    def __call__(self, images: np.ndarray, labels: np.ndarray, *, replica: int = 0) -> Pushforward:
        source, classes = self.pair.source, len(self.pair.source.classes)
        x = self.pair.encoder.encode(images)
        pushed = np.empty((len(images), *source.shape), np.uint8)
        soft = np.empty((len(images), classes), np.float32)
        targets = source.images.reshape(len(source), -1).astype(np.float32)
        one_hot = np.eye(classes, dtype=np.float32)[source.labels]
        for start in range(0, len(images), _BLOCK):
            rows = slice(start, start + _BLOCK)
            problem = make_problem(self.pair, x[rows], labels[rows], self._features, source.labels)
            shares = conditional_plan(problem, self.g, self.epsilon)  # (b, p)
            pushed[rows] = np.rint(shares @ targets).clip(0, 255).reshape(-1, *source.shape)
            soft[rows] = shares @ one_hot
        return Pushforward(pushed, soft)

    def state(self) -> dict[str, np.ndarray]:
        return {
            "g": self.g,
            "scalars": np.array([self.epsilon, self.otdd]),
            "message": np.frombuffer(self.solver_message.encode(), np.uint8),
        }


def make_problem(pair: Pair, x: np.ndarray, y: np.ndarray, x2: np.ndarray, y2: np.ndarray) -> Problem:
    """The ground cost of a pair between rows (x, y) of its target and (x2, y2) of its source."""
    return Problem(x, y, x2, y2, pair.table, feature_weight=pair.feature_weight, label_weight=pair.label_weight)


def conditional_plan(problem: Problem, g: np.ndarray, epsilon: float) -> np.ndarray:
    """The plan of new rows given column potentials g (p,): weights float32 (b, p), rows sum to one.

    softmax_j((g_j - c_ij) / epsilon); at epsilon 0 the column of least c - g, in whose Laguerre cell the row lies:
    the semi-discrete map of the unregularized plan. Columns with NaN potentials are ignored.
    """
    known = np.flatnonzero(np.isfinite(g))
    cost = problem.cost(np.float32)[:, known]  # type: ignore[arg-type]
    score = g[known].astype(np.float32) - cost
    shares = np.zeros((len(score), len(g)), np.float32)
    if epsilon == 0:
        shares[np.arange(len(score)), known[score.argmax(1)]] = 1
        return shares
    score -= score.max(1, keepdims=True)
    density = np.exp(score / np.float32(epsilon))
    shares[:, known] = density / density.sum(1, keepdims=True)
    return shares
