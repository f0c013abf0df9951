"""PCA: distances, keys, degenerate pools."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.digits import digits
from geosearch.embeddings.pca import PCA
from geosearch.errors import InvalidOptionError
from geosearch.runtime.cache import Cache


def noise(name: str, seed: int, n: int = 40, side: int = 6) -> LabelledSet:
    images = np.random.default_rng(seed).integers(0, 256, (n, side, side, 1)).astype(np.uint8)
    return LabelledSet.from_arrays(images, np.arange(n) % 2, name=name)


def test_pca_of_full_rank_keeps_pixel_distances(cache: Cache) -> None:
    data = noise("a", 0, n=60)
    codes = PCA(dims=36).fit([data], seed=0, cache=cache).encode(data.images).astype(np.float64)
    pixels = data.images.reshape(60, -1) / 255
    ours = ((codes[:, None] - codes[None]) ** 2).sum(-1)
    true = ((pixels[:, None] - pixels[None]) ** 2).sum(-1)
    np.testing.assert_allclose(ours, true, atol=1e-4)


def test_pca_agrees_with_a_singular_value_decomposition(cache: Cache) -> None:
    data = digits()
    encoder = PCA(dims=4, samples=5000).fit([data], seed=0, cache=cache)
    rows = data.images.reshape(len(data), -1) / 255
    right = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:4].T
    np.testing.assert_allclose(np.abs((right * encoder.components).sum(0)), 1, atol=1e-6)
    largest = np.abs(encoder.components).argmax(0)
    assert (encoder.components[largest, np.arange(4)] > 0).all()


def test_pca_of_fewer_images_than_pixels_is_orthonormal(cache: Cache) -> None:
    encoder = PCA(dims=50).fit([noise("a", 0, n=20)], seed=0, cache=cache)
    assert encoder.components.shape == (36, 19)
    np.testing.assert_allclose(encoder.components.T @ encoder.components, np.eye(19), atol=1e-9)


def test_pca_survives_equal_images(cache: Cache) -> None:
    data = LabelledSet.from_arrays(np.full((4, 3, 3), 9, np.uint8), np.array([0, 1, 0, 1]), name="flat")
    assert not PCA().fit([data], seed=0, cache=cache).encode(data.images).any()


def test_pca_does_not_let_a_large_set_outvote_a_small_one(cache: Cache) -> None:
    encoder = PCA(dims=2, samples=30).fit([noise("a", 0, n=30), noise("b", 1, n=3000)], seed=0, cache=cache)
    assert encoder.components.shape == (36, 2)


def test_pca_keys_follow_what_they_depend_on(cache: Cache) -> None:
    a, b = noise("a", 0), noise("b", 1)
    keys = {
        PCA(dims=dims).fit(sets, seed=seed, cache=cache).key
        for dims, sets, seed in [(3, [a], 0), (4, [a], 0), (3, [b], 0), (3, [a, b], 0), (3, [a], 1)]
    }
    assert len(keys) == 5


def test_wrong_options_are_refused() -> None:
    with pytest.raises(InvalidOptionError):
        PCA(dims=0)
