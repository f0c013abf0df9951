"""Anchors: the target's reference pushed onto every source, once, kept on disk, aligned row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from joblib import Parallel, delayed

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.mixture.mapped_source import AnchorOptions, MappedSource, SourceTask, push_forward, split_by_class
from geosearch.mixture.spaces.base import FittedSpace
from geosearch.mixture.spaces.pixels import PixelSpace
from geosearch.runtime.cache import Cache, content_key
from geosearch.transport.label_embedding import LabelVectors, label_vectors


@dataclass(frozen=True, eq=False)
class Anchors:
    """The reference and every source aligned with it, in images, in codes and in z = (sqrt(lx) x, sqrt(ly) e_y)."""

    reference: LabelledSet  # n rows, pseudo-labelled
    z: np.ndarray  # float32 (n, d)
    sources: tuple[MappedSource, ...]
    encoder: Encoder
    options: AnchorOptions
    space: FittedSpace  # where images are mixed
    target_vectors: np.ndarray  # (c, r) label vectors of the target's classes
    source_vectors: np.ndarray  # (C, r) label vectors of the disjoint union of the sources' classes
    label_distortion: float  # relative error of the label vectors' squared distances
    key: str

    def embed(self, images: np.ndarray, soft_labels: np.ndarray) -> np.ndarray:
        """z of mixed images: uint8 (n, h, w, ch) and soft labels (n, C) -> float32 (n, d)."""
        return self.options.embed(self.encoder.encode(images), soft_labels @ self.source_vectors)

    def embed_target(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """z of target images with (pseudo-)labels (n,) -> float32 (n, d)."""
        return self.options.embed(self.encoder.encode(images), self.target_vectors[labels])

    def map_target(self, target: LabelledSet) -> Anchors:
        """The same maps applied to other target images, for making images: z is left empty.

        Rows of the reference go where the maps were fitted to send them, others where the maps continue.

        Args:
            target: k target images with pseudo-labels, classes and shape as the reference's.
        """
        empty = np.empty((0, self.z.shape[1]), np.float32)

        def moved(source: MappedSource) -> MappedSource:
            images, labels = push_forward(source.map, target)
            return replace(source, images=images, codes=self.space.encode(images), labels=labels, z=empty)

        key = content_key("anchors-on", anchors=self.key, target=target.fingerprint)
        return replace(self, reference=target, z=empty, sources=tuple(map(moved, self.sources)), key=key)


def build_anchors(
    reference: LabelledSet,
    sources: Sequence[LabelledSet],
    encoder: Encoder,
    *,
    options: AnchorOptions | None = None,
    space: FittedSpace | None = None,
    shots: LabelledSet | None = None,
    cache: Cache | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> Anchors:
    """Fit one map per source, or read it from the cache, and align everything in z.

    A source's map depends on the reference, on that source, on the encoder and on the ground cost only,
    so adding a source to a study fits that source's alone.

    Args:
        reference: the target's n unlabelled images with pseudo-labels.
        sources: m harmonised sources, of the reference's image shape.
        encoder: where the cost is measured; images are pushed in image space.
        options: ground cost and map.
        space: where images are mixed; pixels if None.
        shots: labelled target images, from which a class that no image of the reference is guessed to be of has its
            law; without them such a class has label cost 0 to every other.
        cache: where anchors are kept; the default cache if None.
        seed: of everything random in a map, e.g. the order in which a source's images are dealt to replicas.
        jobs: sources mapped side by side.
    """
    options = options or AnchorOptions()
    space = space or PixelSpace()
    cache = cache or Cache.default()
    features = encoder.encode(reference.images)
    known = _with_all_classes(reference, shots)
    laws = features if known is reference else encoder.encode(known.images)
    tasks = [SourceTask(reference, known, laws, source, encoder, options, space, seed) for source in sources]
    done = Parallel(n_jobs=min(jobs, len(sources)), prefer="threads")(delayed(task.run)(cache) for task in tasks)
    vectors = _label_vectors(tasks, cache)
    c = len(reference.classes)
    ends = np.cumsum([c] + [len(source.classes) for source in sources])
    blocks = [vectors.vectors[start:end] for start, end in pairwise(ends)]
    return Anchors(
        reference=reference,
        z=options.embed(features, vectors.vectors[reference.labels]),
        sources=tuple(
            MappedSource(
                name=source.name,
                license=source.license,
                classes=source.classes,
                size=len(source),
                images=arrays["images"],
                codes=arrays["codes"],
                labels=arrays["labels"],
                z=options.embed(arrays["features"], arrays["labels"] @ block),
                map=fitted,
                labelled_by=source.labelled_by,
            )
            for source, (fitted, arrays), block in zip(sources, done, blocks, strict=True)
        ),
        encoder=encoder,
        options=options,
        space=space,
        target_vectors=vectors.vectors[:c],
        source_vectors=vectors.vectors[c:],
        label_distortion=vectors.distortion,
        key=content_key("anchors", sources=[task.key for task in tasks], reference=reference.fingerprint),
    )


def _with_all_classes(reference: LabelledSet, shots: LabelledSet | None) -> LabelledSet:
    """The reference, and behind it the shots of the classes that it lacks; itself if it lacks none."""
    lacking = np.setdiff1d(np.arange(len(reference.classes)), reference.labels)
    if shots is None or len(lacking) == 0:
        return reference
    return reference.concatenate(shots.take(np.flatnonzero(np.isin(shots.labels, lacking))))


def _label_vectors(tasks: Sequence[SourceTask], cache: Cache) -> LabelVectors:
    """One vector for each class of the target and of every source, from the joint class-to-class table."""
    first = tasks[0]

    def table() -> dict[str, np.ndarray]:
        groups = split_by_class(first.features, first.known)
        for task in tasks:
            groups += split_by_class(task.encoder.encode(task.source.images), task.source)
        return {"table": first.options.labels.table(groups)}

    key = content_key("labels", sources=[task.key for task in tasks])
    made = cache.arrays("labels", key, lambda: Parallel(n_jobs=1)([delayed(table)()])[0])
    return label_vectors(made["table"])
