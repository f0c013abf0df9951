"""Mixing spaces: what goes in comes back, what lies between is an image, and a wrong pair is refused.

The laws hold for every space; one that is added joins `SPACES` and passes them all.
"""

import math

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.mixture.spaces.autoencoder import Autoencoder
from geosearch.mixture.spaces.custom import CustomSpace
from geosearch.mixture.spaces.pixels import PixelSpace
from geosearch.runtime.cache import Cache


class Mirrored:
    """A codec that loses nothing: flat codes in [-1, 1], mirrored."""

    def __init__(self, shape):
        self.shape = shape

    def encode(self, images):
        return (images[:, :, ::-1].reshape(len(images), math.prod(self.shape)) / 127.5 - 1).astype(np.float64)

    def decode(self, codes):
        return ((codes + 1) / 2).reshape(-1, *self.shape)[:, :, ::-1]


SIZE = 8
SPACES = {
    "pixels": PixelSpace(),
    "own": CustomSpace(Mirrored((SIZE, SIZE, 1)), key="mirrors"),
    "autoencoder": Autoencoder(channels=8, width=16, steps=150),
}
ERRORS = {"pixels": 1e-3, "own": 1e-3, "autoencoder": 0.15}  # root mean square, of a range of 1


@pytest.fixture(scope="module")
def sets():
    return [blobs("a", 4, 30, size=SIZE), blobs("b", 3, 20, seed=1, shift=2, size=SIZE)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cache for the whole file: what one law has trained serves the next."""
    return Cache(tmp_path_factory.mktemp("spaces"))


@pytest.fixture(params=SPACES)
def name(request):
    return request.param


@pytest.fixture
def fitted(name, sets, shared):
    return SPACES[name].fit(sets, seed=0, cache=shared)


def test_what_is_encoded_comes_back(name, fitted, sets):
    images = sets[1].images
    codes = fitted.encode(images)
    assert len(codes) == len(images)
    back = fitted.decode(codes.astype(np.float32))
    assert back.shape == images.shape
    assert back.dtype == np.float32
    assert np.sqrt(np.mean((back - images / 255) ** 2)) < ERRORS[name]


def test_a_weighted_mean_of_codes_is_an_image(fitted, sets):
    a, b = (fitted.encode(each.images[:20]).astype(np.float32) for each in sets)
    for share in (0.0, 0.25, 0.5, 1.0):
        mixed = fitted.decode(share * a + (1 - share) * b)
        assert mixed.shape == (20, SIZE, SIZE, 1)
        assert np.isfinite(mixed).all()
        assert mixed.min() >= 0
        assert mixed.max() <= 1


def test_rows_do_not_depend_on_their_neighbours(fitted, sets):
    images = sets[0].images
    codes = fitted.encode(images).astype(np.float32)
    np.testing.assert_allclose(fitted.encode(images[5:6])[0], codes[5], atol=1e-4)
    np.testing.assert_allclose(fitted.decode(codes[5:6])[0], fitted.decode(codes)[5], atol=1e-5)


def test_no_images_give_no_rows(fitted, sets):
    codes = fitted.encode(sets[0].images[:0])
    assert len(codes) == 0
    assert fitted.decode(codes.astype(np.float32)).shape == (0, SIZE, SIZE, 1)


def test_encoding_leaves_the_images_as_they_were(fitted, sets):
    before = sets[0].images.copy()
    codes = fitted.encode(sets[0].images).astype(np.float32)
    kept = codes.copy()
    fitted.decode(codes)
    np.testing.assert_array_equal(sets[0].images, before)
    np.testing.assert_array_equal(codes, kept)


def test_the_same_key_means_the_same_codes(name, fitted, sets, tmp_path):
    again = SPACES[name].fit(sets, seed=0, cache=Cache(tmp_path))  # nothing remembered: learned anew
    assert again.key == fitted.key
    np.testing.assert_array_equal(again.encode(sets[0].images), fitted.encode(sets[0].images))
