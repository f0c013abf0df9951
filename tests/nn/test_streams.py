"""Streams: every image of a fixed set once per turn, and every source of a pool equally often."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.errors import InvalidOptionError
from geosearch.nn.streams import FixedSet, Pool, as_tensor, distinct_shot_batches, draw_images, shot_batches

POOL = Pool((blobs("a", 3, 40, size=12), blobs("b", 2, 10, seed=1, size=12, shift=5)))


def test_every_image_of_a_fixed_set_comes_once_before_any_comes_again() -> None:
    images = np.random.default_rng(1).random((10, 1, 4, 4), dtype=np.float32)
    batches = FixedSet(images, np.eye(10, dtype=np.float32)).batches(4, np.random.default_rng(0))
    drawn = np.concatenate([next(batches)[0] for _ in range(5)])
    for turn in (drawn[:10], drawn[10:]):
        assert sorted(map(bytes, turn)) == sorted(map(bytes, images))


def test_a_pool_draws_every_set_equally_often_whatever_its_size() -> None:
    images, labels = draw_images(POOL, 2000, np.random.default_rng(0))
    assert images.shape == (2000, 1, 12, 12)
    assert images.dtype == labels.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    np.testing.assert_array_equal(labels.sum(axis=1), 1)
    assert labels[:, :3].sum() == pytest.approx(1000, abs=100)
    assert POOL.class_names == ("a/0", "a/1", "a/2", "b/0", "b/1")
    assert POOL.image_shape == (12, 12, 1)


def test_images_are_drawn_in_the_order_of_the_stream() -> None:
    images, labels = draw_images(POOL, 300, np.random.default_rng(0))
    first = list(islice(POOL.batches(256, np.random.default_rng(0)), 2))
    np.testing.assert_array_equal(images, np.concatenate([batch[0] for batch in first])[:300])
    np.testing.assert_array_equal(labels, np.concatenate([batch[1] for batch in first])[:300])
    with pytest.raises(InvalidOptionError, match="at least 1 image"):
        draw_images(POOL, 0, np.random.default_rng(0))


def test_shots_come_with_one_hot_labels_each_once_a_turn() -> None:
    shots = POOL.sets[0].take(np.arange(0, 120, 20))
    images, labels = next(shot_batches(shots, 6, np.random.default_rng(0)))
    assert sorted(map(bytes, images)) == sorted(map(bytes, as_tensor(shots.images).numpy()))
    assert sorted(labels.argmax(1)) == sorted(shots.labels)


def test_distinct_batches_hold_every_image_of_a_batch_once_with_its_share():
    shots = blobs("few", 3, 3, size=12).take(range(7))
    plain = shot_batches(shots, 10, np.random.default_rng(0))
    distinct = distinct_shot_batches(shots, 10, np.random.default_rng(0))
    for _ in range(3):
        (images, labels), (fewer, own, shares) = next(plain), next(distinct)
        assert len(fewer) == len({image.tobytes() for image in images}) < 10
        assert shares.sum() == pytest.approx(1)
        np.testing.assert_allclose(np.einsum("b...,b->...", fewer, shares), images.mean(0), atol=1e-6)
        np.testing.assert_allclose(shares @ own, labels.mean(0), atol=1e-6)
