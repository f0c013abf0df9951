"""In pixels a code is the image itself."""

from __future__ import annotations

import pytest
from generators.sets import blobs

from geosearch.mixture.spaces.pixels import PixelSpace
from geosearch.runtime.cache import Cache

SIZE = 8


@pytest.fixture(scope="module")
def sets():
    return [blobs("a", 4, 30, size=SIZE), blobs("b", 3, 20, seed=1, shift=2, size=SIZE)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cache for the whole file: what one law has trained serves the next."""
    return Cache(tmp_path_factory.mktemp("spaces"))


def test_pixels_are_codes_as_they_are(sets, shared):
    space = PixelSpace().fit(sets, seed=0, cache=shared)
    assert space.encode(sets[0].images) is sets[0].images
    assert space.key == "pixels"
