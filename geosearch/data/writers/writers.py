"""Export: a mixture written to disk as a data set, streamed, whole or not at all."""

from __future__ import annotations

import csv
import shutil
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, ClassVar, Protocol

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from geosearch.data.license import CARD
from geosearch.errors import InvalidOptionError
from geosearch.runtime.atomic import atomic_dir
from geosearch.seeds import stream

BATCH = 256  # images in memory at a time; fixed, so that it never changes what is drawn

Batch = tuple[np.ndarray, np.ndarray]


class Streamable(Protocol):
    """What an export needs of a mixture."""

    @property
    def class_names(self) -> Sequence[str]:
        """C names, 'source/class'."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""

    def batches(self, size: int, rng: np.random.Generator, /) -> Iterator[Batch]:
        """Endless images float32 (b, ch, h, w) in [0, 1] with soft labels float32 (b, C)."""


@dataclass(frozen=True)
class Contents:
    """What is going to be written: n images of one shape, with soft labels over C classes."""

    name: str
    size: int  # n
    image_shape: tuple[int, int, int]  # (h, w, ch)
    class_names: tuple[str, ...]  # C


class Writer(Protocol):
    """A file format. Every writer passes tests/contracts/test_writers.py."""

    @property
    def name(self) -> str:
        """What the command line calls the format."""

    @property
    def layout(self) -> str:
        """One sentence for the card: what lies where."""

    def write(self, folder: Path, contents: Contents, batches: Iterator[Batch]) -> None:
        """Write all batches, images uint8 (b, h, w, ch) with soft labels (b, C), into an empty folder."""


def write_mixture(
    mixture: Streamable,
    *,
    size: int,
    out: Path,
    writer: Writer | None = None,
    seed: int = 0,
    card: str,
) -> Path:
    """Draw `size` images from a mixture and write them, with their soft labels and a card, into folder `out`.

    The same mixture, seed and writer give the same bytes, and a smaller export is the beginning of a larger
    one. Memory holds one batch. Everything is written into a neighbouring temporary folder that is renamed
    at the end, so `out` is complete or absent, whatever happens.

    Args:
        size: number of images n, at least 1; may exceed the reference.
        out: a folder that does not exist yet, or is empty.
        writer: `ImageFolderWriter()` (the default) or `NpzWriter()`.
        seed: of the draw.
        card: markdown text, kept as CARD.md (see `card.card`).

    Returns:
        The folder.

    Raises:
        OutputExistsError: `out` is a file, or a folder that is not empty.
        StorageError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    if size < 1:
        raise InvalidOptionError(f"expected a size of at least 1 image, got {size}")
    contents = Contents(Path(out).resolve().name or "mixture", size, mixture.image_shape, tuple(mixture.class_names))
    with atomic_dir(Path(out)) as folder:
        (writer or ImageFolderWriter()).write(folder, contents, _rows(mixture, size, seed))
        (folder / CARD).write_text(card, encoding="utf-8")
    return Path(out)


@dataclass(frozen=True)
class ImageFolderWriter:
    """One PNG per image, in a folder per top label; the soft labels in `labels.csv`.

    A folder has its class's name where all names are safe as they are and sort in label order, so that the set can be
    merged with the one it came from; else it is called COLUMN_NAME, COLUMN being the class's column in `labels.csv`
    counted from 0, so no two class names can meet. Classes that are no image's top label get no folder (torchvision's
    ImageFolder refuses empty ones) but keep their column.

    Attributes:
        compression: of the PNG files, 0 (fast) to 9 (small).
    """

    compression: int = 6
    name: ClassVar[str] = "imagefolder"
    layout: ClassVar[str] = (
        "One PNG per image in a folder per label; the soft labels in `labels.csv`, a row per image, "
        "a column per class (of a folder called NUMBER_NAME the number is the column, counted from 0)."
    )

    def write(self, folder: Path, contents: Contents, batches: Iterator[Batch]) -> None:
        folders = _folders(contents.class_names)
        width = len(str(contents.size - 1))
        number = 0
        with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["file", *contents.class_names])
            for images, soft in batches:
                for image, row, top in zip(images, soft, soft.argmax(axis=1), strict=True):
                    path = folder / folders[top] / f"{number:0{width}d}.png"
                    path.parent.mkdir(exist_ok=True)
                    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
                    picture.save(path, compress_level=self.compression)
                    table.writerow([f"{folders[top]}/{path.name}", *(f"{value:.7g}" for value in row)])
                    number += 1


@dataclass(frozen=True)
class NpzWriter:
    """One file `<folder name>.npz`, for `numpy.load(allow_pickle=False)` and for the loader `npz:PATH`.

    Arrays: images uint8 (n, h, w, ch); labels int64 (n,), the top label, numbered without gaps over the
    classes that occur; class_names, the names of those; soft_labels float32 (n, C); soft_class_names (C,),
    the names of its columns.

    Attributes:
        compression: deflate level, 0 (stored) to 9.
    """

    compression: int = 1
    name: ClassVar[str] = "npz"
    layout: ClassVar[str] = (
        "One `.npz` archive for `numpy.load(..., allow_pickle=False)`: `images`; `labels`, numbered without "
        "gaps over the classes that occur, named in `class_names`; `soft_labels`, with the names of its "
        "columns in `soft_class_names`."
    )

    def write(self, folder: Path, contents: Contents, batches: Iterator[Batch]) -> None:
        n, c = contents.size, len(contents.class_names)
        spool = folder / "soft_labels.part"  # an archive takes one member at a time: soft labels wait on disk
        tops = np.empty(n, dtype=np.int64)
        done = 0
        path = folder / f"{safe_name(contents.name)}.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=self.compression) as archive:
            with (
                spool.open("wb") as waiting,
                _member(archive, "images", (n, *contents.image_shape), np.dtype(np.uint8)) as member,
            ):
                for images, soft in batches:
                    member.write(images.tobytes())
                    waiting.write(soft.astype("<f4").tobytes())
                    tops[done : done + len(soft)] = soft.argmax(axis=1)
                    done += len(soft)
            with (
                spool.open("rb") as waiting,
                _member(archive, "soft_labels", (n, c), np.dtype("<f4")) as member,
            ):
                shutil.copyfileobj(waiting, member)
            spool.unlink()
            present, labels = np.unique(tops, return_inverse=True)
            names = np.array(contents.class_names, dtype=str)
            for name, array in (
                ("labels", labels.astype(np.int64)),
                ("class_names", names[present]),
                ("soft_class_names", names),
            ):
                with _member(archive, name, array.shape, array.dtype) as member:
                    member.write(array.tobytes())


_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{i}" for port in ("COM", "LPT") for i in range(10))}  # on Windows


def _folders(classes: Sequence[str]) -> list[str]:
    """A folder for each class, none of which is another's, not even where case does not count."""
    folded = {name.casefold() for name in classes}
    if list(classes) == sorted(map(safe_name, classes)) and len(folded) == len(classes):
        return list(classes)
    digits = len(str(max(len(classes) - 1, 1)))
    return [f"{i:0{digits}d}_{safe_name(name)}" for i, name in enumerate(classes)]


def safe_name(name: str, limit: int = 100) -> str:
    """A file name that cannot leave its folder: letters, digits, '.', '_', '-'; at most `limit` bytes."""
    text = "".join(c if c.isalnum() or c in "._-" else "-" for c in unicodedata.normalize("NFC", name))
    text = text.encode(errors="replace")[:limit].decode(errors="ignore").strip(".-") or "unnamed"
    return f"_{text}" if text.partition(".")[0].upper() in _RESERVED else text


def _member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype) -> IO[bytes]:
    """Open one array of the archive for writing, its header written already."""
    member = archive.open(f"{name}.npy", "w", force_zip64=True)
    npy.write_array_header_1_0(member, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    return member


def _rows(mixture: Streamable, size: int, seed: int) -> Iterator[Batch]:
    """`size` rows in batches: images uint8 (b, h, w, ch), soft labels float32 (b, C)."""
    batches = mixture.batches(BATCH, stream(seed, "synthesize"))
    for start, (images, soft) in zip(range(0, size, BATCH), islice(batches, -(-size // BATCH)), strict=True):
        scaled = np.multiply(images[: size - start], 255)  # (b, ch, h, w)
        pixels = np.rint(scaled, out=scaled).clip(0, 255, out=scaled).astype(np.uint8)
        yield np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)), np.asarray(soft[: size - start], np.float32)
