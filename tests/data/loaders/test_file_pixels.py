"""Bit depth and transparency of image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generators.image_folders import CLASSES, SIDE, picture
from PIL import Image

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.registry import find_loader, load

COUNT = 10


def write(folder: Path, make: object, suffix: str = ".png", brightest: int = 255) -> str:
    """A set of pictures that `make` turns into images, and the same as plain grey ones beside it."""
    for kind, name in enumerate(CLASSES):
        for number in range(COUNT):
            grey = np.minimum(picture(kind, number), brightest)
            for place, image in ((folder / "plain", Image.fromarray(grey)), (folder / "made", make(grey))):  # type: ignore[operator]
                (place / name).mkdir(parents=True, exist_ok=True)
                image.save(place / name / f"{number}{suffix if place.name == 'made' else '.png'}")
    return f"imagefolder:{folder / 'made'}"


def plain(folder: Path) -> LabelledSet:
    return load(f"imagefolder:{folder / 'plain'}")


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_images_are_scaled_by_the_range_of_the_set(tmp_path: Path, bits: int, suffix: str) -> None:
    spec = write(tmp_path, lambda grey: Image.fromarray(grey.astype(np.uint16) << (bits - 8)), suffix)
    data = load(spec)
    assert (data.images == plain(tmp_path).images).all()
    assert data.report is not None
    assert data.report.notes == (() if bits == 16 else data.report.notes[:1])


def test_deep_images_of_eight_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    spec = write(tmp_path, lambda grey: Image.fromarray(grey.astype(np.uint16)))
    assert (load(spec).images == plain(tmp_path).images).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mark", [65535, 60000])
def test_single_bright_pixels_do_not_set_the_range_unsaid(tmp_path: Path, suffix: str, mark: int) -> None:
    def make(grey: np.ndarray) -> Image.Image:
        deep = grey.astype(np.uint16) << 4
        deep[0, 0] = mark
        return Image.fromarray(deep)

    data = load(write(tmp_path, make, suffix))
    assert data.report is not None
    if mark == 65535:  # what cameras of 12 bits mark such pixels with
        wanted = plain(tmp_path).images.copy()
        wanted[:, 0, 0] = 255
        assert (data.images == wanted).all()
        assert "read as 12 bits, 0..4,095; few pixels of 65,535 become white" in data.report.notes[0]
    else:
        assert "a few bright pixels may have set the range" in data.report.notes[0]


def test_overexposed_pixels_of_sixteen_bits_change_nothing(tmp_path: Path) -> None:
    def make(grey: np.ndarray) -> Image.Image:
        deep = np.minimum(grey, 130).astype(np.uint16) * 256
        deep[0, 0] = 65535
        return Image.fromarray(deep)

    data = load(write(tmp_path, make, brightest=130))
    assert (data.images[:, 1:] == plain(tmp_path).images[:, 1:]).all()
    assert data.report is not None
    assert not data.report.notes


def test_floats_are_read_by_their_range(tmp_path: Path) -> None:
    for number, change in enumerate((lambda x: x / 255, lambda x: x / 127.5 - 1, lambda x: x * 1.0)):
        spec = write(tmp_path / str(number), lambda g, c=change: Image.fromarray(c(g).astype(np.float32)), ".tif")
        error = abs(load(spec).images.astype(int) - plain(tmp_path / str(number)).images)
        assert error.max() <= 1


def icon(ink: int, ground: int = 0) -> object:
    """A picture whose shape is in the transparency alone."""

    def make(grey: np.ndarray) -> Image.Image:
        rgba = np.full((*grey.shape, 4), ink, np.uint8)
        rgba[..., 3] = (grey > 150) * 255
        rgba[rgba[..., 3] == 0] = (ground, ground, ground, 0)
        return Image.fromarray(rgba)

    return make


@pytest.mark.parametrize(("ink", "shown_on"), [(0, 255), (60, 255), (255, 0), (190, 0)])
@pytest.mark.parametrize("hidden", [0, 255])
def test_icons_stand_on_the_ground_that_shows_them(tmp_path: Path, ink: int, shown_on: int, hidden: int) -> None:
    data = load(write(tmp_path, icon(ink, hidden)))
    shape = plain(tmp_path).images > 150
    assert (data.images == np.where(shape, ink, shown_on)).all()
    assert data.report is not None
    assert data.report.notes == (f"transparent pixels are shown on {'white' if shown_on else 'black'}",)


@pytest.mark.parametrize("mode", ["LA", "P", "PA"])
def test_other_kinds_of_transparency(tmp_path: Path, mode: str) -> None:
    def make(grey: np.ndarray) -> Image.Image:
        if mode == "P":
            image = Image.fromarray(((grey > 150) * 1).astype(np.uint8), "P")
            image.putpalette([255, 255, 255, 0, 0, 0])
            image.info["transparency"] = 0
            return image
        return icon(0)(grey).convert(mode)  # type: ignore[operator]

    spec = write(tmp_path, make, ".gif" if mode == "P" else ".png" if mode == "LA" else ".tif")
    assert (load(spec).images[:, 0, 0] == 255).all()


def test_opaque_alpha_changes_nothing(tmp_path: Path) -> None:
    spec = write(tmp_path, lambda grey: Image.fromarray(grey).convert("RGBA"))
    data = load(spec)
    assert (data.images == plain(tmp_path).images).all()
    assert data.report is not None
    assert not data.report.notes


def test_a_test_part_is_rendered_as_its_training_part(tmp_path: Path) -> None:
    for part, level in (("train", 4000), ("test", 100)):
        for name in CLASSES:
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(3):
                deep = np.full((SIDE, SIDE), number * level // 2, np.uint16)
                Image.fromarray(deep).save(tmp_path / part / name / f"{number}.png")
    spec = f"imagefolder:{tmp_path}"
    alone = find_loader(spec).read_labelled("test")
    assert alone.images.max() == 100 >> 4
    with find_loader(spec) as loader:
        loader.read()
        assert (loader.read_labelled("test").images == alone.images).all()


def test_resized_icons_have_no_rim(tmp_path: Path) -> None:
    spec = write(tmp_path, icon(0, 255))
    images = load(spec, size_hint=SIDE // 2).images
    assert images.min() < 100
    assert load(write(tmp_path / "light", icon(255, 0)), size_hint=SIDE // 2).images.max() > 150
