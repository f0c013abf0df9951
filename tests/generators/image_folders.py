"""Folders of images as people have them: small pictures in classes, and what lies beside them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 12
CLASSES = ("bar", "box", "dot")


def picture(kind: int, number: int, side: int = SIDE) -> np.ndarray:
    """uint8 (side, side): a light bar (0), box (1) or dot (2) on dark noise; every number gives another one."""
    rng = np.random.default_rng((kind, number))
    grey = rng.integers(0, 50, (side, side))
    top, left = rng.integers(1, side // 3, 2)
    long, short = side // 2, side // 6
    height, width = ((short, long), (long, long), (short, short))[kind]
    grey[top : top + height, left : left + width] += 180
    return grey.astype(np.uint8)


def write_class(folder: Path, kind: int, count: int, suffix: str = ".png", start: int = 0) -> list[Path]:
    """`count` pictures of one kind in a folder, numbered from `start`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:03d}{suffix}" for number in range(start, start + count)]
    for number, file in enumerate(files, start):
        Image.fromarray(picture(kind, number)).save(file)
    return files


def write_classes(folder: Path, count: int = 20, classes: Sequence[str] = CLASSES, start: int = 0) -> str:
    """A folder for each class; its specification."""
    for kind, name in enumerate(classes):
        write_class(folder / name, kind % 3, count, start=start)
    return f"imagefolder:{folder}"


def write_sidecars(folder: Path) -> int:
    """A resource fork beside every picture, as a Mac leaves them on foreign disks; how many."""
    files = sorted(folder.rglob("*.png"))
    for file in files:
        (file.parent / f"._{file.name}").write_bytes(b"\x00\x05\x16\x07" + bytes(60))
    return len(files)


def write_table(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> None:
    """Rows, the first of them the header, as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def write_flat(folder: Path, count: int = 18) -> list[tuple[str, str]]:
    """`count` pictures in one folder, of the classes in turn; the name and the class of each."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(count):
        Image.fromarray(picture(number % 3, number)).save(folder / f"{number:03d}.png")
        found.append((f"{number:03d}.png", CLASSES[number % 3]))
    return found


def write_deep_png(path: Path, values: np.ndarray) -> None:
    """A PNG file with 16 bits a channel, which Pillow does not write; values (h, w, ch), ch = 2 (with alpha), 3, 4."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = values.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def write_deep_tiff(
    path: Path, values: np.ndarray, order: str = "<", *, packed: bool = False, planar: bool = False
) -> None:
    """A TIFF file with 16 bits a channel, which Pillow does not write; values (h, w, ch), ch = 3 or 4 (with alpha).

    Args:
        path: the file.
        values: whole numbers to 65535.
        order: "<" or ">", of the bytes.
        packed: whether it is compressed.
        planar: whether one whole channel stands after the other.
    """
    height, width, channels = values.shape
    planes = [values[..., k] for k in range(channels)] if planar else [values]
    strips = [plane.astype(f"{order}u2").tobytes() for plane in planes]
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    ends = np.cumsum([8, *map(len, strips)]).tolist()
    beyond, entries, start = b"", b"", ends[-1]
    tags: dict[int, tuple[int, ...]] = {
        256: (width,), 257: (height,), 258: (16,) * channels, 259: (8 if packed else 1,), 262: (2,),
        273: tuple(ends[:-1]), 277: (channels,), 278: (height,), 279: tuple(map(len, strips)),
        284: (2 if planar else 1,), **({338: (2,)} if channels == 4 else {}),
    }  # fmt: skip
    for tag, numbers in tags.items():
        kind, letter = (4, "I") if tag in (273, 279) else (3, "H")
        data = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(data) > 4:
            data, beyond = struct.pack(f"{order}I", start + len(beyond)), beyond + data
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + data.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", start + len(beyond))
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + b"".join(strips) + beyond + directory)
