"""NpzWriter: one npz archive, written without holding it in memory."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

import numpy as np
from numpy.lib import format as npy

from geosearch.data.writers.base import Batch, Contents, Writer, register_writer
from geosearch.data.writers.file_name import safe_name


@register_writer
@dataclass(frozen=True)
class NpzWriter(Writer):
    """One file `<folder name>.npz`, for `numpy.load(allow_pickle=False)` and for the loader `npz:PATH`.

    Arrays: `images` uint8 (n, h, w, ch); `labels` int64 (n,), the top label, numbered without gaps over the c classes
    that occur; `class_names` (c,), their names; `soft_labels` float32 (n, C); `soft_class_names` (C,), the names of its
    columns.

    Attributes:
        compression: deflate level, 0 (stored) to 9.

    >>> import numpy as np, tempfile
    >>> from geosearch.data import load
    >>> from geosearch.data.writers import Contents
    >>> images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    >>> soft_labels = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     contents = Contents("pair", 4, (8, 8, 1), ("a", "b"))
    ...     NpzWriter().write(Path(folder), contents, iter([(images, soft_labels)]))
    ...     load(f"npz:{folder}/pair.npz").classes
    ('a', 'b')
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


def _member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype) -> IO[bytes]:
    """Open one array of the archive for writing, after its header."""
    member = archive.open(f"{name}.npy", "w", force_zip64=True)
    npy.write_array_header_1_0(member, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    return member
