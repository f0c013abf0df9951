"""ImageFolderWriter: one PNG file per image, in a folder per class."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from PIL import Image

from geosearch.data.writers.base import Batch, Contents, Writer, register_writer
from geosearch.data.writers.file_name import safe_name


@register_writer
@dataclass(frozen=True)
class ImageFolderWriter(Writer):
    """One PNG per image, in a folder per top label; the soft labels in `labels.csv`.

    A folder has its class's name if all names are safe file names in sorted order, so that the set can be merged with
    the one it came from. Otherwise it is called COLUMN_NAME, where COLUMN is the class's column in `labels.csv`,
    counted from 0. Classes that are no image's top label have a column but no folder, since torchvision's ImageFolder
    refuses empty ones.

    Attributes:
        compression: of the PNG files, 0 (fast) to 9 (small).

    >>> import numpy as np, tempfile
    >>> from geosearch.data import load
    >>> from geosearch.data.writers import Contents
    >>> images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    >>> soft_labels = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     contents = Contents("pair", 4, (8, 8, 1), ("a", "b"))
    ...     ImageFolderWriter().write(Path(folder), contents, iter([(images, soft_labels)]))
    ...     load(f"imagefolder:{folder}").classes
    ('a', 'b')
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


def _folders(classes: Sequence[str]) -> list[str]:
    """A folder name for each class; all differ, also on file systems that ignore case."""
    folded = {name.casefold() for name in classes}
    if list(classes) == sorted(map(safe_name, classes)) and len(folded) == len(classes):
        return list(classes)
    digits = len(str(max(len(classes) - 1, 1)))
    return [f"{i:0{digits}d}_{safe_name(name)}" for i, name in enumerate(classes)]
