"""Images of other aspect ratios become square by one rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.fit import Fit, describe_crop, kept_share, make_square
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.errors import InvalidDataError, InvalidOptionError

FITS: tuple[Fit, ...] = ("crop", "pad", "stretch")
SOURCES = ("fonts/sans-digits", "fonts/mono-upper")


def strips(height: int, width: int, channels: int = 1, n: int = 12) -> np.ndarray:
    """Smooth uint8 (n, h, w, ch) whose left (or upper) end is light in every second image and dark in the others."""
    along = np.linspace(0, 1, max(height, width)) if width > height else np.linspace(0, 1, height)[:, None]
    images = np.empty((n, height, width, channels), np.uint8)
    for row in range(n):
        images[row] = (40 + 4 * row + (row % 2) * 150 * (1 - np.broadcast_to(along, (height, width))))[..., None]
    return images


def write(folder: Path, images: np.ndarray) -> tuple[str, str]:
    """The same set as a folder of files and as arrays."""
    labels = np.arange(len(images)) % 2
    for row, image in enumerate(images):
        path = folder / "files" / ("dark", "light")[labels[row]] / f"{row:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(path)
    order = np.argsort(labels, kind="stable")  # as folders are read: class by class
    np.savez(folder / "arrays.npz", images=images[order], labels=labels[order])
    return f"imagefolder:{folder / 'files'}", f"npz:{folder / 'arrays.npz'}"


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [(12, 60, 1), (60, 12, 1), (30, 47, 3), (9, 20, 1)])
def test_folders_and_arrays_are_treated_alike(tmp_path: Path, fit: Fit, shape: tuple[int, int, int]) -> None:
    found = []
    for spec in write(tmp_path, strips(*shape)):
        collection = load_collection(spec, SOURCES, size=16, channels=1, samples=50, fit=fit)
        found.append(collection.train.images.astype(int))
    assert found[0].shape == (12, 16, 16, 1)
    error = abs(found[0] - found[1])
    assert error.mean() < 3
    assert np.median(error) <= 2


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_pad_and_stretch_keep_what_stands_at_the_end(tmp_path: Path, fit: Fit) -> None:
    images = np.full((12, 12, 60, 1), 30, np.uint8)
    images[1::2, :, :12] = 230
    images[:, 6, 25:35, 0] = np.arange(12)[:, None] + 25
    images[:, 5, 30] = 3
    for spec in write(tmp_path, images):
        data = load_collection(spec, SOURCES, size=20, channels=1, samples=50, fit=fit).train
        assert data.images[data.labels == 1].max() > 200
        assert data.images[data.labels == 0].max() < 40
        cropped = load_collection(spec, SOURCES, size=20, channels=1, samples=50).train
        assert cropped.images.max() < 40


@pytest.mark.parametrize(("shape", "said"), [((12, 60), "loses 80 %"), ((40, 20), "loses 50 %"), ((30, 40), "")])
def test_a_crop_that_loses_half_of_most_images_is_said(tmp_path: Path, shape: tuple[int, int], said: str) -> None:
    for spec in write(tmp_path, strips(*shape)):
        for fit in FITS:
            report = load(spec, size_hint=12, fit=fit).report
            assert report is not None
            notes = [note for note in report.notes if "cropped" in note]
            assert len(notes) == bool(said and fit == "crop")
            assert all(said in note and "domain.fit" in note for note in notes)


def test_a_few_strips_among_squares_are_not_mentioned() -> None:
    assert not describe_crop([1.0] * 6 + [0.1] * 5)
    assert "loses 90 %" in describe_crop([1.0] * 5 + [0.1] * 6)
    assert not describe_crop([])
    assert kept_share((40, 30), (8, 6)) == 1


@pytest.mark.parametrize("fit", FITS)
def test_square_images_stay_as_they_are(fit: Fit) -> None:
    images = strips(9, 9, 3)
    assert make_square(images, fit) is images


def test_padding_takes_the_color_of_each_image_s_border() -> None:
    images = np.zeros((2, 4, 8, 3), np.uint8)
    images[0], images[1] = (10, 20, 30), (200, 0, 0)
    images[:, 1:3, 2:6] = 255
    padded = make_square(images, "pad")
    assert padded.shape == (2, 8, 8, 3)
    assert (padded[0, 0] == (10, 20, 30)).all()
    assert (padded[1, -1] == (200, 0, 0)).all()


@pytest.mark.parametrize("dark", [True, False])
def test_padding_around_transparent_icons_is_transparent(tmp_path: Path, dark: bool) -> None:
    for number in range(6):
        rgba = np.zeros((10, 30, 4), np.uint8)
        rgba[3:7, 5 + number : 25, :3], rgba[3:7, 5 + number : 25, 3] = (0 if dark else 255), 255
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rgba).save(path)
    images = load(f"imagefolder:{tmp_path}", size_hint=30, fit="pad").images
    assert (images[:, 0] == (255 if dark else 0)).all()
    assert (images[:, 15, 15] == (0 if dark else 255)).all()


@pytest.mark.parametrize("fit", FITS)
def test_deep_files_follow_the_rule(tmp_path: Path, fit: Fit) -> None:
    images = strips(12, 36)
    for place, scale in (("plain", 1), ("deep", 16)):
        for row, image in enumerate(images[..., 0]):
            path = tmp_path / place / "ab"[row % 2] / f"{row:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.astype(np.uint16) * scale if scale > 1 else image).save(path)
    plain, deep = (load(f"imagefolder:{tmp_path / p}", size_hint=12, fit=fit).images for p in ("plain", "deep"))
    assert abs(plain.astype(int) - deep).max() <= 1


def test_margins_are_judged_after_the_fit() -> None:
    """A strip whose ink fills its height has no margin once it is cropped, and a large one once it is padded."""
    images = np.zeros((6, 10, 40, 1), np.uint8)
    images[:, :, 15:25] = 255
    images[:, [0, -1]] = 0
    data = LabelledSet.from_arrays(images, np.arange(6) % 2, name="strip")
    cropped = harmonize(data, size=20, channels=1, fit="crop", margin=0.25).images
    assert (cropped[0, :, 10, 0] > 128).sum() <= 11
    padded = harmonize(data, size=40, channels=1, fit="pad", margin=0.25)
    assert (padded.images[0] > 128).sum() == 80


def test_sets_whose_middle_is_empty_are_refused_with_the_way_out(tmp_path: Path) -> None:
    images = np.full((12, 12, 60, 1), 30, np.uint8)
    images[1::2, :, :12] = 230
    for spec in write(tmp_path, images):
        with pytest.raises(InvalidDataError, match=r'one flat color.*domain\.fit = "pad"'):
            load(spec, size_hint=12)
        assert load(spec, size_hint=12, fit="pad").images.max() > 200


def test_an_unknown_rule_is_refused() -> None:
    data = LabelledSet.from_arrays(strips(8, 8), np.arange(12) % 2, name="a")
    with pytest.raises(InvalidOptionError, match="'crop', 'pad' or 'stretch'"):
        harmonize(data, size=8, channels=1, fit="fill")  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="got 'fill'"):
        load_collection("digits", SOURCES, size=8, channels=1, samples=50, fit="fill")  # type: ignore[arg-type]
