"""Autoencoder: reconstructs, is trained once, keeps every shape, and mixes to images."""

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError, TrainingFailedError
from geosearch.mixture.spaces import autoencoder
from geosearch.mixture.spaces.autoencoder import Autoencoder
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import reconstruct
from geosearch.runtime.cache import Cache

SMALL = Autoencoder(channels=4, width=16, steps=200)
HASTY = Autoencoder(channels=2, width=4, steps=2)


@pytest.fixture
def sets():
    return [blobs("a", 4, 30, size=12), blobs("b", 3, 25, seed=1, shift=2, size=12)]


def coloured(name, height, width, *, n=12, channels=3):
    images = np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    return LabelledSet.from_arrays(images, np.arange(n) % 2, name=name, license="test")


def test_images_it_has_not_seen_are_reconstructed_far_better_than_by_the_mean(sets, cache):
    space = SMALL.fit(sets, seed=0, cache=cache)
    unseen = blobs("a", 4, 20, seed=7, size=12).images / np.float32(255)
    decoded = space.decode(space.encode((unseen * 255).round().astype(np.uint8)))
    error = ((decoded - unseen) ** 2).mean()
    assert error < 0.4 * ((unseen - unseen.mean(0)) ** 2).mean()


def test_a_second_fit_reads_the_cache_and_encodes_alike(sets, cache, monkeypatch):
    first = HASTY.fit(sets, seed=0, cache=cache)
    monkeypatch.setattr(autoencoder, "reconstruct", lambda *_: pytest.fail("trained again"))
    again = HASTY.fit(sets, seed=0, cache=cache)
    assert again.key == first.key
    codes = first.encode(sets[0].images)
    np.testing.assert_array_equal(again.encode(sets[0].images), codes)
    np.testing.assert_array_equal(again.decode(codes), first.decode(codes))


def test_a_damaged_cache_file_is_learned_anew_to_the_same_codes(sets, cache, caplog):
    first = HASTY.fit(sets, seed=0, cache=cache)
    path = cache.path("autoencoder", first.key)
    path.write_bytes(path.read_bytes()[:-40])
    again = HASTY.fit(sets, seed=0, cache=cache)
    assert "damaged" in caplog.text
    np.testing.assert_array_equal(again.encode(sets[0].images), first.encode(sets[0].images))


def test_training_neither_reads_nor_moves_the_global_generators(sets, tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = HASTY.fit(sets, seed=0, cache=Cache(tmp_path / "one"))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = HASTY.fit(sets, seed=0, cache=Cache(tmp_path / "two"))
    np.testing.assert_array_equal(first.encode(sets[0].images), again.encode(sets[0].images))


def test_the_key_depends_on_sets_options_and_seed(sets, cache):
    fits = [
        HASTY.fit(sets, seed=0, cache=cache),
        HASTY.fit(sets, seed=1, cache=cache),
        HASTY.fit(sets[:1], seed=0, cache=cache),
        Autoencoder(channels=3, width=4, steps=2).fit(sets, seed=0, cache=cache),
        Autoencoder(channels=2, width=5, steps=2).fit(sets, seed=0, cache=cache),
        Autoencoder(channels=2, width=4, steps=3).fit(sets, seed=0, cache=cache),
        Autoencoder(channels=2, width=4, steps=2, noise=0.2).fit(sets, seed=0, cache=cache),
    ]
    assert len({space.key for space in fits}) == len(fits)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 9), (28, 28), (33, 33), (64, 64), (11, 14)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_and_colour_keeps_its_shape(height, width, channels, cache):
    images = coloured("noise", height, width, channels=channels)
    space = HASTY.fit([images], seed=0, cache=cache)
    codes = space.encode(images.images)
    assert codes.shape == (12, 2 * channels * -(-height // 4) * -(-width // 4))
    assert codes.dtype == np.float32
    decoded = space.decode(10 * codes)
    assert decoded.shape == images.images.shape
    assert decoded.dtype == np.float32
    assert decoded.min() >= 0
    assert decoded.max() <= 1


def test_more_rows_than_fit_in_one_chunk_come_back_in_order(sets, cache, monkeypatch):
    space = HASTY.fit(sets, seed=0, cache=cache)
    codes = space.encode(sets[0].images)
    whole = space.decode(codes)
    monkeypatch.setattr(autoencoder, "_CHUNK", 32)
    np.testing.assert_allclose(space.encode(sets[0].images), codes, atol=1e-5)
    np.testing.assert_allclose(space.decode(codes), whole, atol=1e-5)


def test_sets_of_different_shapes_and_no_sets_are_refused(cache):
    with pytest.raises(DomainMismatchError, match="one shape"):
        HASTY.fit([blobs("a", 3, 5), blobs("b", 3, 5, size=10)], seed=0, cache=cache)
    with pytest.raises(DomainMismatchError, match="one shape"):
        HASTY.fit([], seed=0, cache=cache)


def test_images_of_another_shape_are_not_encoded(sets, cache):
    space = HASTY.fit(sets, seed=0, cache=cache)
    with pytest.raises(DomainMismatchError, match=r"trained on images \(12, 12, 1\), got \(8, 8, 1\)"):
        space.encode(blobs("c", 2, 3).images)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": 0}, "channels as a whole number from 1 up, got 0"),
        ({"width": 2.5}, "width as a whole number from 1 up, got 2.5"),
        ({"steps": True}, "steps as a whole number from 1 up, got True"),
        ({"noise": -0.1}, "noise >= 0 .* got -0.1"),
        ({"noise": float("nan")}, "noise >= 0 .* got nan"),
    ],
)
def test_options_out_of_range_are_refused(wrong, message):
    with pytest.raises(InvalidOptionError, match=message):
        Autoencoder(**wrong)


def test_a_loss_that_is_not_finite_stops_the_training():
    layer = torch.nn.Conv2d(1, 1, 1)
    images = iter([np.zeros((2, 1, 8, 8), np.float32)] * 3)
    with pytest.raises(TrainingFailedError, match="lower recipe"):
        reconstruct(layer, images, lambda x: layer(x).mean() * float("nan"), Recipe(steps=3))
