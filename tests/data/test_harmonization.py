"""Harmonization: sizes, channels, margins, polarity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape, harmonize, has_flat_background, ink_margin
from geosearch.data.loaders.digits import digits
from geosearch.data.loaders.glyphs import glyphs
from geosearch.data.loaders.registry import load
from geosearch.errors import DomainMismatchError, InvalidOptionError


def square_set(side: int, ink: int, *, channels: int = 1, n: int = 6) -> LabelledSet:
    """Images with one white square of `ink` pixels in the middle of a dark frame."""
    images = np.zeros((n, side, side, channels), np.uint8)
    low = (side - ink) // 2
    images[:, low : low + ink, low : low + ink] = 255
    return LabelledSet.from_arrays(images, np.arange(n) % 2, name="square")


def photographs(n: int = 40, side: int = 16) -> LabelledSet:
    rng = np.random.default_rng(0)
    return LabelledSet.from_arrays(
        rng.integers(0, 256, (n, side, side, 3)).astype(np.uint8), np.arange(n) % 2, name="photo"
    )


def test_equal_size_and_channels_is_the_identity() -> None:
    data = digits()
    same = harmonize(data, size=8, channels=1)
    assert same.fingerprint == data.fingerprint
    assert (same.name, same.classes, same.license) == (data.name, data.classes, data.license)


@settings(deadline=None, max_examples=25)
@given(side=st.integers(4, 40), size=st.integers(4, 40), level=st.integers(0, 255), channels=st.sampled_from([1, 3]))
def test_a_flat_image_stays_flat(side: int, size: int, level: int, channels: int) -> None:
    images = np.full((2, side, side, 1), level, np.uint8)
    data = LabelledSet.from_arrays(images, np.array([0, 1]), name="flat")
    result = harmonize(data, size=size, channels=channels).images
    assert result.shape == (2, size, size, channels)
    assert np.abs(result.astype(int) - level).max() <= 1


def test_shrinking_averages_instead_of_picking_pixels() -> None:
    """A one-pixel chessboard becomes grey; without antialiasing it would become black or white."""
    board = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)
    data = LabelledSet.from_arrays(np.stack([board, board]), np.array([0, 1]), name="board")
    small = harmonize(data, size=8, channels=1).images.astype(int)
    assert np.abs(small - 127).max() < 40


def test_growing_does_not_wrap_around() -> None:
    """Bicubic overshoot beside a white square is clipped to 0..255, never taken modulo 256."""
    big = harmonize(square_set(8, 4), size=64, channels=1).images[0, :, :, 0]
    assert big[32, 32] >= 250
    assert big[2, 2] <= 5


def test_grey_by_itu_601_and_back() -> None:
    colors = np.zeros((3, 4, 4, 3), np.uint8)
    for image, channel in zip(colors, range(3), strict=True):
        image[..., channel] = 255
    data = LabelledSet.from_arrays(colors, np.array([0, 1, 0]), name="rgb")
    grey = harmonize(data, size=4, channels=1)
    assert grey.images[:, 0, 0, 0].tolist() == [76, 150, 29]
    rgb = harmonize(grey, size=4, channels=3)
    assert rgb.images.shape == (3, 4, 4, 3)
    assert harmonize(rgb, size=4, channels=1).fingerprint == grey.fingerprint


@pytest.mark.parametrize(("side", "ink"), [(28, 20), (16, 16), (20, 10)])
def test_the_ink_margin_is_the_empty_share_beside_the_ink(side: int, ink: int) -> None:
    assert ink_margin(square_set(side, ink)) == pytest.approx((1 - ink / side) / 2)


def test_padding_brings_a_full_frame_to_the_margin_of_the_others() -> None:
    wanted = ink_margin(square_set(28, 20))
    padded = harmonize(square_set(16, 15), size=28, channels=1, margin=wanted)
    assert ink_margin(padded) == pytest.approx(wanted, abs=0.04)
    untouched = harmonize(square_set(28, 10), size=28, channels=1, margin=wanted)
    assert untouched.fingerprint == square_set(28, 10).fingerprint


def test_padding_uses_the_background_of_the_set() -> None:
    light = square_set(16, 14)
    light = LabelledSet.from_arrays(255 - light.images, light.labels, name="light")
    padded = harmonize(light, size=32, channels=1, margin=0.25)
    assert padded.images[:, 0].min() > 250


def test_padding_keeps_the_color_of_the_background() -> None:
    red = np.tile(np.array([200, 30, 30], np.uint8), (6, 16, 16, 1))
    red[:, 2:14, 2:14] = (30, 30, 200)
    data = LabelledSet.from_arrays(red, np.arange(6) % 2, name="red")
    padded = harmonize(data, size=32, channels=3, margin=0.25)
    assert (padded.images[:, 0] == (200, 30, 30)).all()


def test_a_set_has_its_own_margin_in_color_too() -> None:
    """Blue ink that grey levels hardly show counts, and so the set itself is never padded."""
    images = np.zeros((6, 20, 20, 3), np.uint8)
    images[:, 8:12, 8:12] = 255
    images[:, 2:18, 2:4, 2] = 200
    data = LabelledSet.from_arrays(images, np.arange(6) % 2, name="blue")
    assert harmonize(data, size=20, channels=3, margin=ink_margin(data, 3)).fingerprint == data.fingerprint


def test_photographs_are_never_padded() -> None:
    data = photographs()
    assert not has_flat_background(data.images)
    assert ink_margin(data) == 0
    padded = harmonize(data, size=16, channels=3, margin=0.2)
    assert padded.fingerprint == data.fingerprint


def test_polarity_turns_dark_on_light_only() -> None:
    dark = square_set(16, 8)
    light = LabelledSet.from_arrays(255 - dark.images, dark.labels, name="light")
    turned = harmonize(light, size=16, channels=1, polarity="light-on-dark")
    assert turned.fingerprint == dark.fingerprint
    assert harmonize(dark, size=16, channels=1, polarity="light-on-dark").fingerprint == dark.fingerprint
    assert harmonize(light, size=16, channels=1).fingerprint == light.fingerprint


def test_a_test_part_is_judged_by_its_training_part() -> None:
    """A test part whose few images happen to be small and light is inverted and padded like the rest."""
    train = square_set(16, 14)
    train = LabelledSet.from_arrays(255 - train.images, train.labels, name="light")
    test = square_set(16, 4)
    options = {"size": 32, "channels": 1, "margin": 0.25, "polarity": "light-on-dark"}
    alone = harmonize(test, **options)  # type: ignore[arg-type]
    alike = harmonize(test, **options, judged_by=train)  # type: ignore[arg-type]
    assert alone.images[0, 16, 16, 0] == 255
    assert alike.images[0, 16, 16, 0] == 0
    ink = alike.images[0, 8:24, 16, 0] < 128
    assert 0 < ink.sum() < 8  # 4 of 16 pixels would be 8 of 32 without the padding


def test_read_only_images_are_fine() -> None:
    data = square_set(16, 8)
    data.images.flags.writeable = False
    assert harmonize(data, size=8, channels=3, margin=0.3).images.shape == (6, 8, 8, 3)


@pytest.mark.parametrize(
    "options",
    [{"channels": 2}, {"size": 0}, {"margin": 0.5}, {"margin": -0.1}, {"polarity": "dark"}],
)
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOptionError):
        harmonize(digits(), **{"size": 8, "channels": 1, **options})  # type: ignore[arg-type]


def test_sets_of_two_shapes_share_no_space() -> None:
    with pytest.raises(DomainMismatchError, match="bring them to one size"):
        common_shape([square_set(8, 4), square_set(16, 4)])
    with pytest.raises(DomainMismatchError, match="got none"):
        common_shape([])


def test_usps_against_mnist(real_data: Path) -> None:
    """The case the option is made for: USPS fills its frame, MNIST leaves 4 pixels of 28."""
    mnist, usps = (load(f"npz:{real_data / name}.npz") for name in ("mnist", "usps"))
    assert ink_margin(mnist) == pytest.approx(4 / 28, abs=0.01)
    assert ink_margin(usps) == 0
    padded = harmonize(usps, size=28, channels=1, margin=ink_margin(mnist))
    assert ink_margin(padded) == pytest.approx(4 / 28, abs=0.02)


def test_glyphs_sit_like_mnist() -> None:
    assert ink_margin(glyphs("sans", "upper", count=260)) == pytest.approx(4 / 28, abs=0.03)
