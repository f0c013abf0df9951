"""Anchors: the images of the target reference under the transport map to every source, aligned row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from joblib import Parallel, delayed

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.mixture.label_spaces.base import FittedLabelSpace
from geosearch.mixture.mapped_source import AnchorOptions, MappedSource, SourceTask, push_forward, split_by_class
from geosearch.mixture.spaces.base import FittedSpace
from geosearch.mixture.spaces.pixels import PixelSpace
from geosearch.runtime import memory
from geosearch.runtime.cache import Cache, content_key
from geosearch.transport.label_embedding import LabelVectors, label_vectors


@dataclass(frozen=True, eq=False)
class Anchors:
    """The reference, and its pushforward to every source: as images, as codes and in z = (sqrt(lx) x, sqrt(ly) e_y).

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> target, one, other = (digits.take(range(i, i + 50)) for i in (0, 50, 100))
        >>> encoder = geosearch.Pixels().fit([one, other], seed=0, cache=None)
        >>> anchors = geosearch.build_anchors(target, [one, other], encoder)
        >>> [source.name for source in anchors.sources], anchors.z.shape[0]
        (['digits', 'digits'], 50)
    """

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
    label_space: FittedLabelSpace | None = None  # the labels that networks are trained with; None: the disjoint union

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels that networks are trained with: 'source/class' in the disjoint union."""
        if self.label_space is not None:
            return self.label_space.class_names
        return tuple(f"{source.name}/{label}" for source in self.sources for label in source.classes)

    def merge_labels(self, soft_labels: np.ndarray) -> np.ndarray:
        """Soft labels over the disjoint union (n, C) -> over `class_names` (n, k)."""
        return soft_labels if self.label_space is None else self.label_space.merge(soft_labels)

    def embed(self, images: np.ndarray, soft_labels: np.ndarray) -> np.ndarray:
        """z of mixed images: uint8 (n, h, w, ch) and soft labels (n, C) -> float32 (n, d)."""
        return self.options.embed(self.encoder.encode(images), soft_labels @ self.source_vectors)

    def embed_target(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """z of target images with (pseudo-)labels (n,) -> float32 (n, d)."""
        return self.options.embed(self.encoder.encode(images), self.target_vectors[labels])

    def map_target(self, target: LabelledSet) -> Anchors:
        """The same maps applied to other target images, to synthesize images: `z` is empty.

        Reference images have the values of the fitted plan, other images those of the extended map.

        Args:
            target: k target images with pseudo-labels; classes and shape are those of the reference.
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
    label_space: FittedLabelSpace | None = None,
    cache: Cache | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> Anchors:
    """Fit one map per source, or read it from the cache, and embed everything in z.

    The map of a source depends only on the reference, that source, the encoder and the options, so a new source
    requires one new map.

    Args:
        reference: the target's n unlabelled images with pseudo-labels.
        sources: m harmonized sources with the image shape of the reference.
        encoder: the embedding in which the cost is measured.
        options: ground cost and map.
        space: the mixing space; pixels if None.
        shots: labelled target images; they represent, beside the reference, the classes that fewer of its images are
            labelled with. Without them a class without images has label cost 0 to every other.
        label_space: which classes are one label where networks are trained; the disjoint union if None. Maps and
            distances have the classes of the sources in any case.
        cache: where anchors are stored; the default cache if None.
        seed: seed of the maps, e.g. of the split of a source into replicas.
        jobs: number of sources mapped in parallel.

    Raises:
        TooLargeError: the features of all sources do not fit into memory.
    """
    options = options or AnchorOptions()
    space = space or PixelSpace()
    cache = cache or Cache.default()
    features = encoder.encode(reference.images)
    completed = _with_all_classes(reference, shots)
    class_features = features if completed is reference else encoder.encode(completed.images)
    _require_memory(class_features, sources)
    tasks = [
        SourceTask(reference, completed, class_features, source, encoder, options, space, seed) for source in sources
    ]
    done = Parallel(n_jobs=min(jobs, len(sources)), prefer="threads")(delayed(task.run)(cache) for task in tasks)
    vectors = _label_vectors(tasks, cache)
    merged = None if label_space is None or label_space.is_disjoint else label_space
    key = content_key("anchors", sources=[task.key for task in tasks], reference=reference.fingerprint)
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
        key=content_key("merged-anchors", anchors=key, groups=merged.groups) if merged else key,
        label_space=merged,
    )


def _with_all_classes(reference: LabelledSet, shots: LabelledSet | None) -> LabelledSet:
    """The reference, with the shots of classes that have fewer images in it; the reference itself if none has."""
    if shots is None:
        return reference
    have, known = (np.bincount(part.labels, minlength=len(reference.classes)) for part in (reference, shots))
    poor = np.flatnonzero(have < known)
    return reference.concatenate(shots.take(np.flatnonzero(np.isin(shots.labels, poor)))) if len(poor) else reference


def _require_memory(features: np.ndarray, sources: Sequence[LabelledSet]) -> None:
    """Check that the features (n, d) of the target, and those of all sources, fit twice.

    Raises:
        TooLargeError: they do not.
    """
    images = len(features) + sum(map(len, sources))
    memory.require(
        2 * images * features.shape[1] * features.itemsize,
        f"the features of {images} images for the joint table of label distances",
        "lower domain.samples, or use fewer sources or an embedding of fewer dimensions",
    )


def _label_vectors(tasks: Sequence[SourceTask], cache: Cache) -> LabelVectors:
    """One vector for every class of the target and the sources, from the joint label distance table.

    What the table says of the sources alone is kept for other targets with the same sources.
    """
    first = tasks[0]
    distances = first.options.labels

    def table() -> dict[str, np.ndarray]:
        own = split_by_class(first.features, first.completed)
        others = [group for task in tasks for group in split_by_class(task.source_features, task.source)]
        shapes = [group.shape for group in others]
        known = content_key("labels-of-sources", shapes=shapes, features=_digest(others), distances=repr(distances))
        among = cache.arrays("labels", known, lambda: {"table": distances.table(others)})["table"]
        across = distances.table(others, own)  # (C, c)
        return {"table": np.block([[distances.table(own), across.T], [across, among]])}

    key = content_key("labels", version=2, sources=[task.key for task in tasks])
    made = cache.arrays("labels", key, lambda: Parallel(n_jobs=1)([delayed(table)()])[0])
    return label_vectors(made["table"])


def _digest(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
