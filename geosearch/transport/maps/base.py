"""The contracts of transport maps from the target to a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.runtime.cache import Cache
from geosearch.runtime.registry import Choice


@dataclass(frozen=True, eq=False)
class Pair:
    """The input of a fit: the target reference, a source, and their ground cost.

    Attributes:
        reference: n target images with pseudo-labels.
        source: p labelled images of the same shape.
        encoder: the embedding of the feature cost.
        table: (c, c2) squared W2 between the classes, in that embedding.
        feature_weight, label_weight: lx and ly of the ground cost.
    """

    reference: LabelledSet
    source: LabelledSet
    encoder: Encoder
    table: np.ndarray
    feature_weight: float = 1.0
    label_weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Pushforward:
    """The pushforward of target images under a map.

    Attributes:
        images: uint8 (n, h, w, ch).
        labels: float32 (n, c2), soft labels of the source; rows sum to one.
    """

    images: np.ndarray
    labels: np.ndarray


class FittedMap(Protocol):
    """A fitted transport map. Every kind passes tests/contracts/test_maps.py."""

    @property
    def replicas(self) -> int:
        """The number of maps; each maps the whole target onto another part of the source."""
        ...

    @property
    def otdd(self) -> float:
        """Estimated mean ground cost of target and source, squared feature units of the pair's encoder."""
        ...

    @property
    def message(self) -> str:
        """How the fit ended, and how target images beyond the reference are mapped."""
        ...

    @property
    def curves(self) -> Mapping[str, np.ndarray]:
        """Training curves: name -> (k,) values; "step" is the common axis. Empty if nothing is trained."""
        ...

    def __call__(self, images: np.ndarray, labels: np.ndarray, *, replica: int = 0) -> Pushforward:
        """Target images uint8 (n, h, w, ch) with (pseudo-)labels (n,) -> their pushforward.

        Reference images are mapped as fitted, other images by the extension of the map.
        """
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Arrays from which `Map.restore` restores the map."""
        ...


class Map(Protocol):
    """The contract of maps: option objects that are fitted to a pair."""

    def fit(self, pair: Pair, *, seed: int, cache: Cache) -> FittedMap:
        """Fit the map; long fits write checkpoints to the cache and resume from them."""
        ...

    def restore(self, pair: Pair, state: Mapping[str, np.ndarray]) -> FittedMap:
        """Restore a fitted map from its `state()`, for an equal pair."""
        ...


MAPS: Choice[Map] = Choice(
    "transport.map",
    default="barycentric",
    meaning="How the target is mapped to a source.",
    room="geosearch.transport.maps",
)
