"""Stored values become grey levels."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet, check_images
from geosearch.data.rendering import Rendering
from geosearch.errors import InvalidDataError

LEVELS = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)


def near(images: np.ndarray, wanted: np.ndarray, most: int = 1) -> bool:
    return bool((abs(images[..., 0].astype(int) - wanted) <= most).all())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_whole_numbers_to_255_are_grey_levels_in_any_type(dtype: type) -> None:
    assert (check_images(LEVELS.astype(dtype), "a")[..., 0] == LEVELS).all()


@pytest.mark.parametrize("bits", range(9, 17))
def test_wider_numbers_are_scaled_by_the_range_of_the_set(bits: int) -> None:
    images = LEVELS.astype(np.uint16) << (bits - 8)
    assert (check_images(images, "a")[..., 0] == LEVELS).all()
    assert (check_images(images.astype(np.float32), "a")[..., 0] == LEVELS).all()


def test_the_whole_range_of_32_bits() -> None:
    assert (check_images(LEVELS.astype(np.uint32) << 24, "a")[..., 0] == LEVELS).all()
    assert (check_images(LEVELS.astype(np.uint16) * 257, "a")[..., 0] == LEVELS).all()


def test_few_overexposed_pixels_do_not_set_the_range() -> None:
    images = LEVELS.astype(np.uint16) << 4
    images[:, 0, 0] = 65535
    many = np.repeat(np.repeat(images, 2, 1), 2, 2)
    many[:, :2, :2] = many[:, 2:4, :2]
    many[:, 0, 0] = 65535
    assert (check_images(many, "a")[:, 2:, 2:, 0] == np.repeat(np.repeat(LEVELS, 2, 1), 2, 2)[:, 2:, 2:]).all()
    assert (check_images(images, "a")[..., 0] == images >> 8).all()  # one in 64 is not few


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_read_by_their_range(dtype: type) -> None:
    unit = (LEVELS / 255).astype(dtype)
    most = 2 if dtype == np.float16 else 1
    assert near(check_images(unit, "a"), LEVELS)
    assert near(check_images(unit * 2 - 1, "a"), LEVELS, most)
    assert near(check_images(unit - 0.5, "a"), LEVELS, most)
    assert near(check_images(unit * 16, "a"), LEVELS, most)
    assert near(check_images((unit * 255), "a"), LEVELS, most)
    assert near(check_images(unit * 1.02 - 0.01, "a"), LEVELS, 4)  # what resizing leaves beyond 0 and 1


def test_standardized_floats_are_read_by_the_range_of_each_channel() -> None:
    """With the means and deviations that torchvision's models and MNIST's examples use."""
    digits = np.where(LEVELS < 180, 0, LEVELS)  # mostly ground
    assert near(check_images((digits / 255 - 0.1307) / 0.3081, "a"), digits)
    color = np.stack([LEVELS, LEVELS[::-1], LEVELS[:, ::-1]], -1)
    standardized = (color / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert (abs(check_images(standardized, "a").astype(int) - color) <= 1).all()
    assert (abs(check_images(standardized / 2 - 1, "a").astype(int) - color) <= 1).all()  # of darker images
    assert "look standardized; the range of each channel" in Rendering.of(standardized, "a").note
    assert not Rendering.of(color / 127.5 - 1, "a").note.count("standardized")


def test_yes_and_no_are_white_and_black() -> None:
    assert (check_images(LEVELS > 99, "a")[..., 0] == (LEVELS > 99) * 255).all()


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (LEVELS - 128.0, "none of [0, 1], [-1, 1] and 0..255"),
        (LEVELS.astype(np.int16) * 4 - 500, "must not be negative, got -500..520"),
        (LEVELS // 200, "multiply them by 255, or pass them as bool"),
        (LEVELS - 9.0, "slightly negative; clip them"),
    ],
)
def test_other_ranges_are_refused_with_advice_that_works(images: np.ndarray, said: str) -> None:
    with pytest.raises(InvalidDataError) as caught:
        check_images(images, "mine")
    assert said in str(caught.value)
    if ": (images" in str(caught.value) or ", (images" in str(caught.value):
        formula = "(images" + str(caught.value).split("(images", 1)[1].split(",")[0]
        assert near(check_images(eval(formula, {"images": images}), "mine"), LEVELS)  # the advice, followed


def test_standardized_floats_with_values_far_outside_are_refused() -> None:
    images = (LEVELS - 128.0) / 74 * (1 + 30 * (LEVELS > 253)) - 0.5
    with pytest.raises(InvalidDataError, match=r"none of \[0, 1\]"):
        check_images(images, "a")


def test_a_test_part_is_rendered_as_its_training_part() -> None:
    rendering = Rendering.of(LEVELS[..., None].astype(np.uint16) * 16, "a")
    assert rendering.note == "values to 4,080 are read as 12 bits, 0..4,095"
    dark = rendering.apply(np.full((1, 2, 2, 1), 160, np.uint16))
    assert (dark == 10).all()
    assert (rendering.apply(np.full((1, 2, 2, 1), 9999, np.uint16)) == 255).all()


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (40, 255), (255, 0), (200, 0)])
@pytest.mark.parametrize("scale", [1, 257])
def test_transparent_images_stand_on_the_ground_that_shows_the_ink(ink: int, ground: int, scale: int) -> None:
    images = np.zeros((3, 8, 8, 4), np.uint16)
    images[:, 2:5, 2:5] = (ink, ink, ink, 255)
    images = images * scale if scale > 1 else images.astype(np.uint8)  # type: ignore[assignment]
    made = check_images(images, "a")
    assert made.shape == (3, 8, 8, 3)
    assert (made[:, 3, 3] == ink).all()
    assert (made[:, 0, 0] == ground).all()
    note = Rendering.of(images, "a").note
    assert note == f"transparent pixels are shown on {'white' if ground else 'black'}"


def test_half_transparent_pixels_are_mixed_and_opaque_ones_kept() -> None:
    images = np.zeros((2, 4, 4, 4), np.uint8)
    images[..., 3] = 51  # a fifth of black on white
    assert (check_images(images, "a") == 204).all()
    opaque = np.concatenate([np.repeat(LEVELS[..., None], 3, -1), np.full((4, 8, 8, 1), 255, np.uint8)], -1)
    assert (check_images(opaque, "a") == opaque[..., :3]).all()
    assert Rendering.of(opaque, "a").note == ""


def test_sets_of_arrays_take_them(tmp_path: object) -> None:
    data = LabelledSet.from_arrays(LEVELS.astype(np.int64)[:, None], np.array([0, 1, 0, 1]), name="a")
    assert data.shape == (8, 8, 1)
