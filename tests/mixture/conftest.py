"""Anchors of a small target over three small sources."""

from __future__ import annotations

import pytest
from generators.sets import blobs

from geosearch.embeddings.pixels import Pixels
from geosearch.mixture.anchors import Anchors, build_anchors


@pytest.fixture
def parts():
    reference = blobs("target", 4, 15, seed=1)
    sources = [
        blobs("near", 4, 15, seed=2),
        blobs("large", 5, 24, seed=3, shift=7),
        blobs("small", 3, 9, seed=4, shift=14),
    ]
    return reference, sources


@pytest.fixture
def anchors(parts, cache) -> Anchors:
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    return build_anchors(reference, sources, encoder, cache=cache)
