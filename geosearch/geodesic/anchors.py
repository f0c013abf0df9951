"""Anchors: the target's reference pushed onto every source, once, kept on disk, aligned row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed

from geosearch import seeds
from geosearch.cache import Cache, content_key
from geosearch.domain.dataset import LabelledSet
from geosearch.domain.embed import Encoder
from geosearch.transport.cost import Problem
from geosearch.transport.labels import GaussianLabels, LabelDistance, LabelVectors, label_vectors
from geosearch.transport.solve import Exact, Solver, solve


@dataclass(frozen=True)
class Ground:
    """The ground cost and how plans are solved: options of `build_anchors`.

    Attributes:
        labels: the label distance between classes.
        solver: how each plan is solved.
        feature_weight, label_weight: lx and ly of the ground cost (METHOD: c = lx |x-x'|^2 + ly W2^2).
    """

    labels: LabelDistance = GaussianLabels()
    solver: Solver = Exact()
    feature_weight: float = 1.0
    label_weight: float = 1.0


@dataclass(frozen=True, eq=False)
class AnchoredSource:
    """One source as the image of the reference under its maps.

    Rows r * n .. (r + 1) * n - 1 are replica r: a full map of the n reference rows onto another part of the
    source, so that every image of the source is used although a plan between equal sizes is one-to-one.
    """

    name: str
    licence: str
    classes: tuple[str, ...]
    size: int  # images of the source that take part
    images: np.ndarray  # uint8 (r * n, h, w, ch), memory-mapped
    labels: np.ndarray  # float32 (r * n, c), soft, memory-mapped
    z: np.ndarray  # float32 (r * n, d)
    otdd_to_target: float  # squared feature units: mean value of the r plans


@dataclass(frozen=True, eq=False)
class Anchors:
    """The reference and every source aligned with it, in images and in z = (sqrt(lx) x, sqrt(ly) e_y)."""

    reference: LabelledSet  # n rows, pseudo-labelled
    z: np.ndarray  # float32 (n, d)
    sources: tuple[AnchoredSource, ...]
    encoder: Encoder
    ground: Ground
    target_vectors: np.ndarray  # (c, r) label vectors of the target's classes
    source_vectors: np.ndarray  # (C, r) label vectors of the disjoint union of the sources' classes
    label_distortion: float  # relative error of the label vectors' squared distances
    key: str

    def embed(self, images: np.ndarray, soft_labels: np.ndarray) -> np.ndarray:
        """z of mixed images: uint8 (n, h, w, ch) and soft labels (n, C) -> float32 (n, d)."""
        return _joined(self.encoder.encode(images), soft_labels @ self.source_vectors, self.ground)

    def embed_target(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """z of target images with (pseudo-)labels (n,) -> float32 (n, d)."""
        return _joined(self.encoder.encode(images), self.target_vectors[labels], self.ground)


def build_anchors(
    reference: LabelledSet,
    sources: Sequence[LabelledSet],
    encoder: Encoder,
    *,
    ground: Ground | None = None,
    cache: Cache | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> Anchors:
    """Solve one set of plans per source, or read them from the cache, and align everything in z.

    A source's plans depend on the reference, on that source, on the encoder and on the ground cost only,
    so adding a source to a study solves that source alone.

    Args:
        reference: the target's n unlabelled images with pseudo-labels.
        sources: m harmonised sources, of the reference's image shape.
        encoder: where the cost is measured; images are projected in image space.
        ground: ground cost and solver.
        cache: where anchors are kept; the default cache if None.
        seed: order in which a source's images are dealt to its replicas.
        jobs: sources solved side by side.
    """
    ground = ground or Ground()
    cache = cache or Cache.default()
    features = encoder.encode(reference.images)
    keys = [_source_key(reference, source, encoder, ground, seed) for source in sources]
    stored = Parallel(n_jobs=min(jobs, len(sources)), prefer="threads")(
        delayed(cache.arrays)(
            "anchors",
            key,
            lambda source=source: _push(reference, features, source, encoder, ground, seed),
        )
        for key, source in zip(keys, sources, strict=True)
    )
    vectors = _label_vectors(reference, features, sources, encoder, ground, cache, keys)
    c = len(reference.classes)
    ends = np.cumsum([c] + [len(source.classes) for source in sources])
    return Anchors(
        reference=reference,
        z=_joined(features, vectors.vectors[reference.labels], ground),
        sources=tuple(
            AnchoredSource(
                name=source.name,
                licence=source.licence,
                classes=source.classes,
                size=len(source),
                images=arrays["images"],
                labels=arrays["labels"],
                z=_joined(arrays["features"], arrays["labels"] @ vectors.vectors[start:end], ground),
                otdd_to_target=float(arrays["values"].mean()),
            )
            for source, arrays, start, end in zip(sources, stored, ends[:-1], ends[1:], strict=True)
        ),
        encoder=encoder,
        ground=ground,
        target_vectors=vectors.vectors[:c],
        source_vectors=vectors.vectors[c:],
        label_distortion=vectors.distortion,
        key=content_key("anchors", sources=keys, reference=reference.fingerprint),
    )


def _source_key(reference: LabelledSet, source: LabelledSet, encoder: Encoder, ground: Ground, seed: int) -> str:
    return content_key(
        "anchored-source",
        version=1,
        reference=reference.fingerprint,
        source=source.fingerprint,
        encoder=encoder.key,
        ground=repr(ground),
        seed=seed,
    )


def _push(
    reference: LabelledSet,
    features: np.ndarray,
    source: LabelledSet,
    encoder: Encoder,
    ground: Ground,
    seed: int,
) -> Mapping[str, np.ndarray]:
    """Solve the source's plans, replica by replica, and project images, labels and features."""
    n, c, c2 = len(reference), len(reference.classes), len(source.classes)
    source_features = encoder.encode(source.images)
    table = ground.labels.table(
        _by_class(features, reference.labels, c) + _by_class(source_features, source.labels, c2)
    )[:c, c:]
    images, labels, projected, values = [], [], [], []
    for rows in deal(len(source), n, seeds.stream(seed, "anchors", source.fingerprint)):
        plan = solve(
            Problem(
                features,
                reference.labels,
                source_features[rows],
                source.labels[rows],
                table,
                feature_weight=ground.feature_weight,
                label_weight=ground.label_weight,
            ),
            ground.solver,
        )
        images.append(np.round(plan.project(source.images[rows])).astype(np.uint8))
        labels.append(plan.project_labels(source.labels[rows], c2).astype(np.float32))
        projected.append(plan.project(source_features[rows]).astype(np.float32))
        values.append(plan.value)
    return {
        "images": np.concatenate(images),
        "labels": np.concatenate(labels),
        "features": np.concatenate(projected),
        "values": np.array(values),
    }


def deal(size: int, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Row numbers of a source of `size` images, dealt to ceil(size / n) replicas of n rows, as evenly as they go."""
    replicas = -(-size // n)
    turns = -(-replicas * n // size)
    rows = np.concatenate([rng.permutation(size) for _ in range(turns)])[: replicas * n]
    return list(rows.reshape(replicas, n))


def _label_vectors(
    reference: LabelledSet,
    features: np.ndarray,
    sources: Sequence[LabelledSet],
    encoder: Encoder,
    ground: Ground,
    cache: Cache,
    keys: Sequence[str],
) -> LabelVectors:
    """One vector for each class of the target and of every source, from the joint class-to-class table."""

    def table() -> dict[str, np.ndarray]:
        groups = _by_class(features, reference.labels, len(reference.classes))
        for source in sources:
            groups += _by_class(encoder.encode(source.images), source.labels, len(source.classes))
        return {"table": ground.labels.table(groups)}

    return label_vectors(cache.arrays("labels", content_key("labels", sources=list(keys)), table)["table"])


def _by_class(features: np.ndarray, labels: np.ndarray, classes: int) -> list[np.ndarray]:
    return [features[labels == label] for label in range(classes)]


def _joined(features: np.ndarray, vectors: np.ndarray, ground: Ground) -> np.ndarray:
    """z = (sqrt(lx) x, sqrt(ly) e_y), float32 (n, d + r)."""
    scaled = (np.sqrt(ground.feature_weight) * features, np.sqrt(ground.label_weight) * vectors)
    return np.concatenate(scaled, axis=1).astype(np.float32)
