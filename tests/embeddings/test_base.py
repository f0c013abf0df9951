"""Embeddings: distances, keys, determinism."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.digits import digits
from geosearch.data.loaders.glyphs import glyphs
from geosearch.embeddings.base import PCA, Embedding, Pixels, TorchvisionBackbone
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.runtime.cache import Cache


def noise(name: str, seed: int, n: int = 40, side: int = 6) -> LabelledSet:
    images = np.random.default_rng(seed).integers(0, 256, (n, side, side, 1)).astype(np.uint8)
    return LabelledSet.from_arrays(images, np.arange(n) % 2, name=name)


@pytest.mark.parametrize(
    "embedding",
    [Pixels(), PCA(dims=5), TorchvisionBackbone(random_weights=True, size=32)],
    ids=lambda e: type(e).__name__,
)
def test_contract(embedding: Embedding, cache: Cache) -> None:
    """Every embedding: float32 codes, the same for one image alone, a key that its content fixes."""
    sets = [noise("a", 0), noise("b", 1)]
    encoder = embedding.fit(sets, seed=0, cache=cache)
    codes = encoder.encode(sets[0].images)
    assert codes.dtype == np.float32
    assert codes.ndim == 2
    assert len(codes) == 40
    assert np.isfinite(codes).all()
    np.testing.assert_allclose(encoder.encode(sets[0].images[3:4]), codes[3:4], rtol=1e-4, atol=1e-5)
    again = embedding.fit(sets[::-1], seed=0, cache=cache)
    assert again.key == encoder.key
    np.testing.assert_array_equal(again.encode(sets[0].images), codes)


def test_pixels_are_the_unit_interval_flattened(cache: Cache) -> None:
    data = noise("a", 0)
    codes = Pixels().fit([data], seed=0, cache=cache).encode(data.images)
    np.testing.assert_allclose(codes, data.images.reshape(40, -1) / 255, atol=1e-7)


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


def test_sets_of_two_shapes_are_refused(cache: Cache) -> None:
    for embedding in (Pixels(), PCA(), TorchvisionBackbone(random_weights=True)):
        with pytest.raises(DomainMismatchError, match="harmonise"):
            embedding.fit([digits(), glyphs("sans", "digits", count=20)], seed=0, cache=cache)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(InvalidOptionError):
        PCA(dims=0)
