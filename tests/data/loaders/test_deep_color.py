"""PNG and TIFF files with 16 bits for each of several channels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from generators.image_folders import CLASSES, picture, write_deep_png, write_deep_tiff
from PIL import Image

from geosearch.data.fit import Fit
from geosearch.data.loaders.registry import load

TINT = np.array([1.0, 0.6, 0.3])
ALPHA = {"constant": lambda most, shape: np.full(shape, most), "varied": lambda most, shape: np.arange(12) * most // 11}


def write(folder: Path, bits: int, alpha: str = "", side: tuple[int, int] = (12, 12)) -> None:
    """The same tinted pictures with 8 bits (plain/) and with more (deep/)."""
    for kind, name in enumerate(CLASSES):
        for number in range(6):
            color = (picture(kind, number)[: side[0], : side[1], None] * TINT).astype(np.uint8)
            color[0, 0] = 255  # so that the range of the set is known
            (folder / "plain" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(color).save(folder / "plain" / name / f"{number}.png")
            deep = color.astype(np.uint16) << (bits - 8)
            if alpha:
                veil = ALPHA[alpha](2**bits - 1, color.shape[:2])
                deep = np.concatenate([deep, np.broadcast_to(veil, color.shape[:2])[..., None].astype(np.uint16)], -1)
            write_deep_png(folder / "deep" / name / f"{number}.png", deep)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("alpha", ["", "constant"])
def test_colors_are_scaled_by_the_range_of_the_set(tmp_path: Path, bits: int, alpha: str) -> None:
    write(tmp_path, bits, alpha)
    deep, plain = load(f"imagefolder:{tmp_path / 'deep'}"), load(f"imagefolder:{tmp_path / 'plain'}")
    assert (deep.images == plain.images).all()
    assert deep.report is not None
    assert len(deep.report.notes) == (bits < 16)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_they_are_resized_like_others(tmp_path: Path, fit: Fit) -> None:
    write(tmp_path, 12, side=(6, 12))
    deep, plain = (load(f"imagefolder:{tmp_path / p}", size_hint=9, fit=fit).images for p in ("deep", "plain"))
    assert abs(deep.astype(int) - plain).max() <= 5  # eight bits are rounded and clipped between two passes


def test_grey_with_constant_alpha(tmp_path: Path) -> None:
    for kind, name in enumerate(CLASSES):
        for number in range(6):
            grey = picture(kind, number).astype(np.uint16)[..., None] * 16
            write_deep_png(tmp_path / name / f"{number}.png", np.concatenate([grey, np.full_like(grey, 4095)], -1))
    data = load(f"imagefolder:{tmp_path}")
    assert data.shape == (12, 12, 1)
    assert (data.images[0, ..., 0] == picture(0, 0)).all()


def test_transparent_ones_are_shown_on_a_ground(tmp_path: Path) -> None:
    write(tmp_path, 16, "varied")
    data = load(f"imagefolder:{tmp_path / 'deep'}")
    assert data.report is not None
    assert any("transparent pixels" in note for note in data.report.notes)


def test_damaged_ones_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, 12)
    for number in range(6, 40):
        image = picture(0, number)[..., None] * TINT
        write_deep_png(tmp_path / "deep" / "bar" / f"{number}.png", image.astype(np.uint16) * 16)
    path = tmp_path / "deep" / "bar" / "20.png"
    path.write_bytes(path.read_bytes()[:-60])
    data = load(f"imagefolder:{tmp_path / 'deep'}")
    assert data.report is not None
    assert len(data) == 51
    assert "1 damaged (bar/20.png" in data.report.summary


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_colors_of_tiff_files(tmp_path: Path, order: str, packed: bool, planar: bool, channels: int) -> None:
    write(tmp_path, 12)
    for path in (tmp_path / "plain").rglob("*.png"):
        deep = np.asarray(Image.open(path)).astype(np.uint16) << 4
        veil = np.full((*deep.shape[:2], channels - 3), 4095, np.uint16)
        file = tmp_path / "tiff" / path.parent.name / f"{path.stem}.tif"
        write_deep_tiff(file, np.concatenate([deep, veil], -1), order, packed=packed, planar=planar)
    data, plain = load(f"imagefolder:{tmp_path / 'tiff'}"), load(f"imagefolder:{tmp_path / 'plain'}")
    assert data.report is not None
    if packed and planar:  # of which Pillow gives eight bits
        assert any("grey levels" in note for note in data.report.notes)
    else:
        assert (data.images == plain.images).all()


def test_they_are_turned_as_the_camera_noted(tmp_path: Path) -> None:
    image = Image.open(_turned(tmp_path))
    assert image.getexif()[0x0112] == 6
    data = load(f"imagefolder:{tmp_path / 'set'}")
    assert data.images[0, :, -1].min() > 200
    assert data.images[0, :, 0].max() == 0


def _turned(folder: Path) -> Path:
    """One picture of the set whose upper row is white, to be turned by 90 degrees clockwise."""
    values = np.zeros((8, 8, 3), np.uint16)
    values[0] = 4095
    values[0, :, 2] = 4000
    for number in range(4):
        write_deep_png(folder / "set" / "ab"[number % 2] / f"{number}.png", values)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = folder / "set" / "a" / "0.png"
    data, block = path.read_bytes(), exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    path.write_bytes(data[:33] + chunk + data[33:])  # after the header
    return path
