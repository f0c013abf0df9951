"""A codec of the caller's own is clipped to the range of images, and refused if it does not return them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.errors import DomainMismatchError
from geosearch.mixture.spaces.custom import CustomSpace
from geosearch.runtime.cache import Cache

SIZE = 8


@pytest.fixture(scope="module")
def sets():
    return [blobs("a", 4, 30, size=SIZE), blobs("b", 3, 20, seed=1, shift=2, size=SIZE)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cache for the whole file: what one law has trained serves the next."""
    return Cache(tmp_path_factory.mktemp("spaces"))


class Mirrored:
    """A codec that loses nothing: flat codes in [-1, 1], mirrored."""

    def __init__(self, shape):
        self.shape = shape

    def encode(self, images):
        return (images[:, :, ::-1].reshape(len(images), math.prod(self.shape)) / 127.5 - 1).astype(np.float64)

    def decode(self, codes):
        return ((codes + 1) / 2).reshape(-1, *self.shape)[:, :, ::-1]


class Cropped(Mirrored):
    def decode(self, codes):
        return super().decode(codes)[:, 1:]


class NotFinite(Mirrored):
    def decode(self, codes):
        return super().decode(codes) * np.nan


class Overshooting(Mirrored):
    def decode(self, codes):
        return super().decode(codes) * 3 - 1


def test_a_pair_that_overshoots_is_cut_to_the_range(sets, shared):
    space = CustomSpace(Overshooting((SIZE, SIZE, 1)), key="over").fit(sets, seed=0, cache=shared)
    decoded = space.decode(space.encode(sets[0].images))
    assert decoded.min() == 0
    assert decoded.max() == 1


@pytest.mark.parametrize("wrong", [Cropped, NotFinite])
def test_a_pair_that_does_not_return_the_images_is_refused(wrong, sets, shared):
    with pytest.raises(DomainMismatchError, match=r"'mine'.*decode\(\) must return"):
        CustomSpace(wrong((SIZE, SIZE, 1)), key="mine").fit(sets, seed=0, cache=shared)
