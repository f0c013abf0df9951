"""Preprocessing treats a single image as `harmonize` treated its set."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize, ink_margin
from geosearch.data.preprocessing import Preprocessing
from geosearch.errors import InvalidDataError


def strokes(count: int, *, light: bool, shape=(20, 30), channels: int = 3) -> LabelledSet:
    rng = np.random.default_rng(0)
    images = np.full((count, *shape, channels), 230 if light else 10, np.uint8)
    for image in images:
        top, left = rng.integers(4, 8, 2)
        image[top : top + 8, left : left + 12] = rng.integers(0, 60, channels) if light else 240
    return LabelledSet.from_arrays(images, np.arange(count) % 2, name="strokes")


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("polarity", ["keep", "light-on-dark"])
def test_it_is_what_harmonize_does_to_the_target(light, channels, fit, polarity):
    train, test = strokes(40, light=light), strokes(9, light=light)
    options = {"size": 16, "channels": channels, "fit": fit, "polarity": polarity}
    ready = Preprocessing.of(train, **options)
    margin = ink_margin(train, channels, fit)
    expected = harmonize(test, **options, margin=margin, judged_by=train).images
    assert np.array_equal(ready.apply(test.images), expected)
    assert np.array_equal(np.concatenate([ready.apply(image[None]) for image in test.images]), expected)


def test_images_of_another_kind_are_refused():
    ready = Preprocessing(16, 1)
    assert ready.apply(np.zeros((2, 9, 9), np.uint8)).shape == (2, 16, 16, 1)
    for wrong in (np.zeros((9, 9), np.uint8), np.zeros((2, 9, 9), np.float32), np.zeros((2, 9, 9, 4), np.uint8)):
        with pytest.raises(InvalidDataError, match="expected images uint8"):
            ready.apply(wrong)
