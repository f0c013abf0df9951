"""MappedSource: the pushforward of the target reference to one source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from geosearch.data.card import SourceFacts
from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.mixture.spaces.base import FittedSpace
from geosearch.runtime.cache import Cache, content_key
from geosearch.transport.label_distances.base import LabelDistance
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.maps.barycentric import Barycentric
from geosearch.transport.maps.base import FittedMap, Map, Pair

_MAP = "map/"  # prefix of the names of the arrays of a map in the cache


@dataclass(frozen=True)
class AnchorOptions:
    """Options of `build_anchors`: the ground cost and the kind of transport map.

    Attributes:
        labels: the distance between classes.
        map: the transport map from the target to a source.
        feature_weight, label_weight: lx and ly of the ground cost c = lx |x - x'|^2 + ly W2^2.

    Example:
        >>> from geosearch import AnchorOptions, Entropic, MeanLabels
        >>> options = AnchorOptions(labels=MeanLabels(), map=Entropic(), label_weight=0.5)
    """

    labels: LabelDistance = GaussianLabels()
    map: Map = field(default_factory=Barycentric)
    feature_weight: float = 1.0
    label_weight: float = 1.0

    def embed(self, features: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """z = (sqrt(lx) x, sqrt(ly) e_y), float32 (n, d + r)."""
        scaled = (np.sqrt(self.feature_weight) * features, np.sqrt(self.label_weight) * vectors)
        return np.concatenate(scaled, axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class MappedSource:
    """The pushforward of the reference to one source.

    Rows r * n .. (r + 1) * n - 1 are replica r: a map of the n reference rows onto another part of the source, so
    that all images of the source are used although a plan between equal sizes is one-to-one.
    """

    name: str
    license: str
    classes: tuple[str, ...]
    size: int  # number of images of the source
    images: np.ndarray  # uint8 (r * n, h, w, ch), memory-mapped
    codes: np.ndarray  # (r * n, ...) the images in the mixing space; the images themselves when that is pixels
    labels: np.ndarray  # float32 (r * n, c), soft, memory-mapped
    z: np.ndarray  # float32 (r * n, d)
    map: FittedMap
    labelled_by: str = ""  # how the labels were made, if they are pseudo-labels

    @property
    def otdd_to_target(self) -> float:
        """Mean ground cost under the map, squared feature units."""
        return self.map.otdd

    @property
    def facts(self) -> SourceFacts:
        """The facts for card and report."""
        labelled_by, distance = self.labelled_by, self.otdd_to_target
        return SourceFacts(self.name, self.size, len(self.classes), self.license, distance, labelled_by)


@dataclass(frozen=True, eq=False)
class SourceTask:
    """Fit a source's map and push the reference forward through it, or read both from the cache."""

    reference: LabelledSet
    completed: LabelledSet  # the reference, completed to all classes of the target by shots
    features: np.ndarray  # (k, d) of `completed`
    source: LabelledSet
    encoder: Encoder
    options: AnchorOptions
    space: FittedSpace
    seed: int

    @cached_property
    def key(self) -> str:
        """Content key of everything that the mapped source depends on."""
        reference = zip(self.reference.images, self.reference.labels, strict=True)
        equals = len(self.reference) > len({(image.tobytes(), int(label)) for image, label in reference})
        return content_key(
            "anchored-source",
            version=5 if equals else 4,  # an odd version: equal images have separate rows in a plan
            reference=self.reference.fingerprint,
            **({} if self.completed is self.reference else {"known": self.completed.fingerprint}),
            source=self.source.fingerprint,
            encoder=self.encoder.key,
            options=repr(self.options),
            space=self.space.key,
            seed=self.seed,
        )

    @cached_property
    def source_features(self) -> np.ndarray:
        """(n, d), of the source's images; kept, since both tables of label distances need them."""
        return self.encoder.encode(self.source.images)

    def run(self, cache: Cache) -> tuple[FittedMap, Mapping[str, np.ndarray]]:
        """The map, and the pushforward of the reference: "images", "labels", "features", "codes", each (r * n, ...)."""
        arrays = cache.arrays("anchors", self.key, lambda: self._compute(cache))
        state = {name.removeprefix(_MAP): array for name, array in arrays.items() if name.startswith(_MAP)}
        pair = self._pair(np.array(arrays["table"]))
        return self.options.map.restore(pair, state), {"codes": arrays["images"], **arrays}

    def _compute(self, cache: Cache) -> dict[str, np.ndarray]:
        groups = split_by_class(self.features, self.completed)
        table = self.options.labels.table(groups, split_by_class(self.source_features, self.source))
        fit = self.options.map.fit(self._pair(table), seed=self.seed, cache=cache)
        images, labels = push_forward(fit, self.reference)
        codes = self.space.encode(images)
        return {
            "images": images,
            "labels": labels,
            "features": self.encoder.encode(images),
            **({} if codes is images else {"codes": codes}),
            "table": table,
            **{f"{_MAP}{name}": array for name, array in fit.state().items()},
        }

    def _pair(self, table: np.ndarray) -> Pair:
        weights = self.options.feature_weight, self.options.label_weight
        return Pair(self.reference, self.source, self.encoder, table, *weights)


def push_forward(fit: FittedMap, target: LabelledSet) -> tuple[np.ndarray, np.ndarray]:
    """Target images under all replicas of a map, concatenated: images uint8 (r * n, ...), labels (r * n, c)."""
    replicas = [fit(target.images, target.labels, replica=replica) for replica in range(fit.replicas)]
    return np.concatenate([one.images for one in replicas]), np.concatenate([one.labels for one in replicas])


def split_by_class(features: np.ndarray, data: LabelledSet) -> list[np.ndarray]:
    """Split the features (n, d) of a set by class."""
    return [features[data.labels == label] for label in range(len(data.classes))]
