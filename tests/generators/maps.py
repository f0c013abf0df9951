"""Pairs that maps are fitted to."""

from __future__ import annotations

from generators.sets import blobs

from geosearch.embeddings.pixels import PixelEncoder
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.maps.base import Pair


def pair_of(*, per_class: int = 12, classes: int = 4, size: int = 8, source_size: int = 18) -> Pair:
    """A target of 4 classes and a source of 3, in pixels."""
    reference = blobs("target", classes, per_class, seed=1, size=size)
    source = blobs("source", 3, source_size, seed=2, size=size, shift=9)
    encoder = PixelEncoder()
    groups = [
        [encoder.encode(one.images[one.labels == label]) for label in range(len(one.classes))]
        for one in (reference, source)
    ]
    return Pair(reference, source, encoder, GaussianLabels().table(*groups))
