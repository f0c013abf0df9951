"""Barycentric: barycentric projection of transport plans, extended beyond the reference by dual potentials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.runtime.cache import Cache
from geosearch.transport.maps.base import MAPS, Pair, Pushforward
from geosearch.transport.maps.entropic import conditional_plan, make_problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.base import Solver
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.sinkhorn import Sinkhorn

_BLOCK = 512  # images mapped at a time
_SMOOTHING = Sinkhorn(regularization=0.05, tolerance=1e-2)


@MAPS.register("barycentric", "along a plan")
@dataclass(frozen=True)
class Barycentric:
    """Map each reference image to the weighted mean of the source images that the plan couples it with.

    A plan between equal sizes and uniform masses is one-to-one and blurs nothing, so the source is split over
    several plans of the reference's size, its replicas. Other target images go where dual potentials send
    them: to one image of the replica under an unregularised plan (semi-discrete transport), to a softmax mean
    under an entropic one. Source: Alvarez-Melis & Fusi 2020.

    Attributes:
        solver: solver of each plan.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> target, source = digits.take(range(50)), digits.take(range(50, 100))
        >>> encoder = geosearch.Pixels().fit([source], seed=0, cache=None)
        >>> options = geosearch.AnchorOptions(map=geosearch.Barycentric())
        >>> geosearch.build_anchors(target, [source], encoder, options=options).sources[0].images.shape
        (50, 8, 8, 1)
    """

    solver: Solver = field(default_factory=Exact)

    def fit(self, pair: Pair, *, seed: int, cache: Cache) -> PlanMap:
        reference, source = pair.reference, pair.source
        x, x2 = pair.encoder.encode(reference.images), pair.encoder.encode(source.images)
        replica_rows = assign_replicas(len(source), len(reference), seeds.stream(seed, "anchors", source.fingerprint))
        plans = [
            solve(make_problem(pair, x, reference.labels, x2[rows], source.labels[rows]), self.solver)
            for rows in replica_rows
        ]
        unknown = np.full(len(reference), np.nan)
        return PlanMap(
            pair,
            replica_rows=np.stack(replica_rows),
            coupling=sparse.csr_array(sparse.vstack([plan.coupling for plan in plans])),
            g=np.stack([unknown if plan.potentials is None else plan.potentials[1] for plan in plans]),
            epsilon=plans[0].epsilon,
            otdd=float(np.mean([plan.value for plan in plans])),
            solver_message=plans[0].message,
        )

    def restore(self, pair: Pair, state: Mapping[str, np.ndarray]) -> PlanMap:
        replica_rows, (epsilon, otdd) = np.array(state["replica_rows"]), map(float, state["scalars"])
        r, n = replica_rows.shape
        parts = (np.array(state[name]) for name in ("masses", "columns", "starts"))
        return PlanMap(
            pair,
            replica_rows=replica_rows,
            coupling=sparse.csr_array(tuple(parts), shape=(r * n, n)),
            g=np.array(state["g"]),
            epsilon=epsilon,
            otdd=otdd,
            solver_message=bytes(state["message"]).decode(),
        )


@dataclass(frozen=True, eq=False)
class PlanMap:
    """See `Barycentric`.

    Attributes:
        pair: what it was fitted to; n reference images.
        replica_rows: (r, n) rows of the source that each replica is a plan onto.
        coupling: (r n, n) the plans below each other.
        g: (r, n) dual potentials of those rows; NaN if the solver has none.
        epsilon: of the potentials; 0 for an unregularised plan.
        otdd: mean value of the plans, squared feature units.
        solver_message: how the solver of the first plan ended.
    """

    pair: Pair
    replica_rows: np.ndarray
    coupling: sparse.csr_array
    g: np.ndarray
    epsilon: float
    otdd: float
    solver_message: str
    _smoothed: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def replicas(self) -> int:
        return len(self.replica_rows)

    @property
    def message(self) -> str:
        rule = "one source image each, by dual potentials" if self.epsilon == 0 else "a softmax mean"
        if np.isnan(self.g).all():
            return f"{self.solver_message}; it maps reference images only, since the solver has no potentials"
        return f"{self.solver_message}; target images beyond the reference go to {rule}"

    @property
    def curves(self) -> Mapping[str, np.ndarray]:
        return {}

    @cached_property
    def _rows_of(self) -> dict[bytes, list[int]]:
        """Reference rows of an image and its label: several if equal images are in the reference."""
        found: dict[bytes, list[int]] = {}
        for row, (image, label) in enumerate(zip(self.pair.reference.images, self.pair.reference.labels, strict=True)):
            found.setdefault(_name(image, label), []).append(row)
        return found

    def _rows(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Reference row of each image, -1 if it has none; equal images take the rows of their equals in turn."""
        turns: Counter[bytes] = Counter()
        rows = np.full(len(images), -1)
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = _name(image, label)
            if equals := self._rows_of.get(name):
                rows[i] = equals[turns[name] % len(equals)]
                turns[name] += 1
        return rows

    @cached_property
    def _features(self) -> np.ndarray:
        """(p, d) of the source"""
        return self.pair.encoder.encode(self.pair.source.images)

    def __call__(self, images: np.ndarray, labels: np.ndarray, *, replica: int = 0) -> Pushforward:
        replica_rows = self.replica_rows[replica]
        source, classes = self.pair.source, len(self.pair.source.classes)
        targets = source.images[replica_rows].reshape(len(replica_rows), -1).astype(np.float32)
        one_hot = np.eye(classes, dtype=np.float32)[source.labels[replica_rows]]
        rows = self._rows(images, labels)
        pushed = np.empty((len(images), *source.shape), np.uint8)
        soft = np.empty((len(images), classes), np.float32)
        for start in range(0, len(images), _BLOCK):
            part = slice(start, start + _BLOCK)
            shares = self._shares(images[part], labels[part], rows[part], replica)  # (b, n)
            pushed[part] = np.rint(shares @ targets).clip(0, 255).reshape(-1, *source.shape)
            soft[part] = shares @ one_hot
        return Pushforward(pushed, soft)

    def _shares(self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray, replica: int) -> sparse.csr_array:
        """The weights (b, n) of the source images of a replica in each image; rows sum to one; `rows` from `_rows`."""
        new = rows < 0
        n = self.replica_rows.shape[1]
        plan = self.coupling[replica * n + np.maximum(rows, 0)]
        masses = np.where(new, np.inf, plan.sum(axis=1))  # a row without mass cannot be: reference masses are uniform
        shares = sparse.diags_array(1 / masses) @ plan
        if new.any():
            beyond = np.zeros((len(images), n), np.float32)
            beyond[new] = self._beyond(images[new], labels[new], replica)
            shares = shares + sparse.csr_array(beyond)
        return sparse.csr_array(shares).astype(np.float32)

    def _beyond(self, images: np.ndarray, labels: np.ndarray, replica: int) -> np.ndarray:
        """Shares (b, n) of images that are not in the reference."""
        if np.isnan(self.g).all():
            raise InvalidOptionError(
                "the plan's solver has no dual potentials, so its map ends at the reference; use Exact(), Tiled() "
                "or Sinkhorn(), or map reference images only"
            )
        rows = self.replica_rows[replica]
        features, source_labels = self._features[rows], self.pair.source.labels[rows]
        problem = make_problem(self.pair, self.pair.encoder.encode(images), labels, features, source_labels)
        return conditional_plan(problem, self._potentials(replica), self.epsilon)

    def _potentials(self, replica: int) -> np.ndarray:
        """(n,) potentials that tell where new images go.

        Those of an unregularised plan are a corner of all optimal ones: half of the reference itself would be
        tied between two cells. A little entropy takes them inside.
        """
        if self.epsilon > 0:
            return self.g[replica]
        if replica not in self._smoothed:
            rows, reference = self.replica_rows[replica], self.pair.reference
            x = self.pair.encoder.encode(reference.images)
            problem = make_problem(self.pair, x, reference.labels, self._features[rows], self.pair.source.labels[rows])
            potentials = solve(problem, _SMOOTHING, start=self.g[replica]).potentials
            assert potentials is not None
            self._smoothed[replica] = potentials[1]
        return self._smoothed[replica]

    def state(self) -> dict[str, np.ndarray]:
        return {
            "replica_rows": self.replica_rows,
            "masses": self.coupling.data,
            "columns": self.coupling.indices.astype(np.int64),
            "starts": self.coupling.indptr.astype(np.int64),
            "g": self.g,
            "scalars": np.array([self.epsilon, self.otdd]),
            "message": np.frombuffer(self.solver_message.encode(), np.uint8),
        }


def assign_replicas(size: int, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Split the rows of a source of `size` images into ceil(size / n) replicas of n rows, each row as often as any."""
    replicas = -(-size // n)
    turns = -(-replicas * n // size)
    rows = np.concatenate([rng.permutation(size) for _ in range(turns)])[: replicas * n]
    return list(rows.reshape(replicas, n))


def _name(image: np.ndarray, label: int) -> bytes:
    return image.tobytes() + int(label).to_bytes(8, "little", signed=True)
