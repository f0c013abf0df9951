"""Maps: from the target's images onto a source, behind one contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.runtime.cache import Cache


@dataclass(frozen=True, eq=False)
class Pair:
    """What a map is fitted to: the target's reference, a source, and where their cost is measured.

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
    """Target images as a map sends them to the source.

    Attributes:
        images: uint8 (n, h, w, ch).
        labels: float32 (n, c2), soft labels of the source; rows sum to one.
    """

    images: np.ndarray
    labels: np.ndarray


class FittedMap(Protocol):
    """A map that is ready to push images. Every kind passes tests/contracts/test_maps.py."""

    @property
    def replicas(self) -> int:
        """How many maps these are: each sends the whole target to another part of the source."""
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
        """What training looked like: name -> (k,) values; "step" is the common axis. Empty if nothing is trained."""
        ...

    def __call__(self, images: np.ndarray, labels: np.ndarray, *, replica: int = 0) -> Pushforward:
        """Target images uint8 (n, h, w, ch) with (pseudo-)labels (n,) -> their images in the source.

        Images of the reference are sent where the fit sent them; others where the map's rule continues it.
        """
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Arrays from which `Map.restore` makes an equal map."""
        ...


class Map(Protocol):
    """The choice of a map, before it has seen data: an option object."""

    def fit(self, pair: Pair, *, seed: int, cache: Cache) -> FittedMap:
        """Fit the map; what takes minutes is written to the cache on the way and resumed from there."""
        ...

    def restore(self, pair: Pair, state: Mapping[str, np.ndarray]) -> FittedMap:
        """The fitted map whose `state()` this was, for an equal pair."""
        ...
