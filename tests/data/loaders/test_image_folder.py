"""Folders of image files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geosearch.data.loaders.registry import find_loader, load
from geosearch.errors import InvalidDataError, TooLargeError, UnknownDatasetError


def save(path: Path, level: int | tuple[int, ...] = 100, size: tuple[int, int] = (8, 8), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level).save(path)


def two_classes(folder: Path, mode: str = "L", level: int = 100) -> str:
    for name in ("cat", "dog"):
        for number in range(3):
            shade = level + number  # not all of one color
            save(folder / name / f"{number}.png", (shade,) * 3 if mode == "RGB" else shade, mode=mode)
    return f"imagefolder:{folder}"


def test_a_sub_folder_is_a_class(tmp_path: Path) -> None:
    spec = two_classes(tmp_path / "Pets")
    save(tmp_path / "Pets" / "dog" / "deeper" / "3.PNG")
    (tmp_path / "Pets" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "Pets" / "empty").mkdir()
    data = load(spec)
    assert data.name == "pets"
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert data.shape == (8, 8, 1)
    assert not find_loader(spec).has_test


def test_every_image_goes_by_the_name_of_its_file(tmp_path: Path) -> None:
    spec = two_classes(tmp_path / "pets")
    (tmp_path / "pets" / "cat" / "1.png").write_bytes(b"no image")
    for number in range(3, 20):
        save(tmp_path / "pets" / "cat" / f"{number:02d}.png", 100 + number)
    data = load(spec)
    assert len(data) == 22
    assert "cat/1.png" not in data.row_names
    for name, image in zip(data.row_names, data.images, strict=True):
        assert (np.asarray(Image.open(tmp_path / "pets" / name)) == image[..., 0]).all()
    rows = np.array([4, 0])
    assert data.take(rows).row_names.tolist() == data.row_names[rows].tolist()


def test_train_and_test_folders_are_parts(tmp_path: Path) -> None:
    two_classes(tmp_path / "train")
    save(tmp_path / "test" / "dog" / "0.png")
    spec = f"imagefolder:{tmp_path}"
    assert find_loader(spec).has_test
    assert len(load(spec)) == 6
    test = load(spec, part="test")
    assert test.classes == ("cat", "dog")
    assert test.labels.tolist() == [1]
    save(tmp_path / "test" / "bird" / "0.png")
    with pytest.raises(InvalidDataError, match="bird"):
        load(spec, part="test")


def test_mixed_sizes_come_to_the_median_or_to_the_hint(tmp_path: Path) -> None:
    spec = two_classes(tmp_path)
    save(tmp_path / "cat" / "wide.png", size=(40, 10))
    assert load(spec).shape == (8, 8, 1)
    assert load(spec, size_hint=12).shape == (12, 12, 1)


def test_nothing_is_stretched(tmp_path: Path) -> None:
    spec = two_classes(tmp_path)
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255  # the middle square is white
    Image.fromarray(wide).save(tmp_path / "cat" / "0.png")
    assert load(spec, size_hint=10).images[0].min() > 200


def test_one_color_image_makes_the_set_rgb(tmp_path: Path) -> None:
    spec = two_classes(tmp_path, mode="RGB", level=7)
    assert load(spec).shape == (8, 8, 1)  # RGB files whose images are grey
    save(tmp_path / "cat" / "red.png", mode="RGB", level=(200, 0, 0))
    assert load(spec).shape == (8, 8, 3)


def test_unusual_modes_are_understood(tmp_path: Path) -> None:
    spec = two_classes(tmp_path)
    cat = tmp_path / "cat"
    save(cat / "0.png", mode="1", level=1)
    save(cat / "1.png", mode="LA", level=(100, 0))
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(cat / "2.png")
    save(cat / "3.png", mode="P", level=0)
    values = load(spec).images[:4, 0, 0, 0].tolist()
    assert values == [255, 0, 40_000 >> 8, 0]


def test_floating_point_images_are_read_by_their_range_or_refused(tmp_path: Path) -> None:
    spec = two_classes(tmp_path)
    save(tmp_path / "cat" / "9.tif", mode="F", level=1)
    save(tmp_path / "cat" / "8.tif", mode="F", level=0)
    assert load(spec).images[3:5, 0, 0, 0].tolist() == [0, 255]
    save(tmp_path / "cat" / "9.tif", mode="F", level=-2)
    with pytest.raises(InvalidDataError, match=r"float images in \[-2, 0\].*bring them to \[0, 1\]"):
        load(spec)


def test_the_camera_s_orientation_is_followed(tmp_path: Path) -> None:
    spec = two_classes(tmp_path)
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "cat" / "0.png", exif=exif)
    first = load(spec).images[0, :, :, 0]
    assert (first[:, -1] == 255).all()
    assert not first[:, 0].any()


def test_damage_and_bombs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = two_classes(tmp_path)
    (tmp_path / "cat" / "9.png").write_bytes(b"not an image")
    with pytest.raises(InvalidDataError, match=r"9\.png"):
        load(spec)
    whole = (tmp_path / "cat" / "0.png").read_bytes()
    (tmp_path / "cat" / "9.png").write_bytes(whole[:-30])
    with pytest.raises(InvalidDataError, match=r"9\.png"):
        load(spec)
    (tmp_path / "cat" / "9.png").unlink()
    monkeypatch.setenv("GEOSEARCH_MAX_PIXELS", "63")
    with pytest.raises(TooLargeError, match="pixels, the limit is 63; shrink it, or set GEOSEARCH_MAX_PIXELS higher"):
        load(spec)


def test_pictures_that_unpack_to_giants_are_not_unpacked(tmp_path: Path) -> None:
    spec = two_classes(tmp_path)
    (tmp_path / "cat" / "9.pgm").write_bytes(b"P5 60000 60000 255\n")
    with pytest.raises(TooLargeError, match=r"9\.pgm has too many pixels.*set GEOSEARCH_MAX_PIXELS higher"):
        load(spec, size_hint=8)


def test_what_only_looks_like_a_picture_is_passed_over(tmp_path: Path) -> None:
    spec = two_classes(tmp_path)
    os.mkfifo(tmp_path / "cat" / "pipe.png")  # reading it would wait for ever
    (tmp_path / "cat" / "folder.png").mkdir()
    (tmp_path / "cat" / "loop.png").symlink_to(tmp_path / "cat")
    assert len(load(spec)) == 6


def test_too_many_bytes_are_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = two_classes(tmp_path)
    monkeypatch.setenv("GEOSEARCH_MAX_GIB", "1e-7")
    with pytest.raises(TooLargeError, match="smaller size"):
        load(spec)


def test_folders_without_classes_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "0.png")
    with pytest.raises(InvalidDataError, match="sub-folder per class"):
        load(f"imagefolder:{tmp_path}")
    save(tmp_path / "cat" / "0.png")
    with pytest.raises(InvalidDataError, match="one per class"):
        load(f"imagefolder:{tmp_path}")
    with pytest.raises(UnknownDatasetError, match="no folder"):
        load(f"imagefolder:{tmp_path / 'none'}")
