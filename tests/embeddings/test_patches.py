"""Patch features: one convolution is what normalising, whitening and answering patch by patch would give."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation.ridge import leave_one_out, one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.patches import RandomPatchFeatures, _normalised
from geosearch.errors import InvalidOptionError


@pytest.mark.parametrize("channels", [1, 3])
def test_codes_are_the_mean_answers_of_all_patches(cache, channels):
    data = blobs("a", 3, 20, size=10)
    images = np.repeat(data.images, channels, axis=3)
    images[..., -1] //= 2
    encoder = RandomPatchFeatures(filters=5, width=4, regions=1, threshold=0.1).fit(
        [type(data)(images, data.labels, data.classes, "a")], seed=0, cache=cache
    )
    places = [(y, x) for y in range(7) for x in range(7)]
    for image in images[:3]:
        cut = np.stack([image[y : y + 4, x : x + 4].reshape(-1) for y, x in places]) / 255
        answers = (_normalised(cut) - encoder.mean) @ encoder.filters.T  # (49, 5)
        expected = np.concatenate([np.maximum(answers - 0.1, 0).mean(0), np.maximum(-answers - 0.1, 0).mean(0)])
        np.testing.assert_allclose(encoder.encode(image[None])[0], expected, atol=1e-4)


def test_equal_seeds_give_equal_features_in_any_order_of_the_sets(cache):
    a, b = blobs("a", 3, 20, size=10), blobs("b", 3, 20, seed=1, size=10, shift=4)
    one, two = (RandomPatchFeatures(4, 3, 2).fit(sets, seed=0, cache=cache) for sets in ([a, b], [b, a, a]))
    assert one.key == two.key
    np.testing.assert_array_equal(one.encode(a.images), two.encode(a.images))
    assert RandomPatchFeatures(4, 3, 2).fit([a, b], seed=1, cache=cache).key != one.key


def test_they_carry_the_classes(cache):
    data = blobs("a", 4, 15, size=12)
    codes = RandomPatchFeatures(8, 4, 3).fit([data], seed=0, cache=cache).encode(data.images)
    assert codes.dtype == np.float32
    assert codes.shape == (60, 2 * 8 * 9)
    assert leave_one_out(codes, one_hot(data.labels, 4)).top1_error < 0.1


def test_what_does_not_fit_is_refused(cache):
    with pytest.raises(InvalidOptionError, match="at least 8 pixels"):
        RandomPatchFeatures(width=6, regions=3).fit([blobs("a", 2, 5, size=7)], seed=0, cache=cache)
    with pytest.raises(InvalidOptionError):
        RandomPatchFeatures(filters=0)


def test_sets_without_anything_to_see_are_encoded_as_nothing(cache) -> None:
    black = LabelledSet.from_arrays(np.zeros((20, 12, 12), np.uint8), np.arange(20) % 2, name="black")
    z = RandomPatchFeatures().fit([black], seed=0, cache=cache).encode(black.images)
    assert np.isfinite(z).all()
