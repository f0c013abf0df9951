"""Writing a mixture to disk as a data set: streamed, and complete or absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from geosearch.data.license import CARD
from geosearch.data.writers.base import Batch, Contents, Writer
from geosearch.data.writers.image_folder import ImageFolderWriter
from geosearch.errors import InvalidOptionError
from geosearch.runtime.atomic import atomic_dir
from geosearch.seeds import stream

BATCH = 256  # images in memory at a time; fixed, so that it never changes what is drawn


class Streamable(Protocol):
    """A source of images with soft labels, such as a `Mixture`."""

    @property
    def class_names(self) -> Sequence[str]:
        """C names, 'source/class'."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""

    def batches(self, size: int, rng: np.random.Generator, /) -> Iterator[Batch]:
        """Endless images float32 (b, ch, h, w) in [0, 1] with soft labels float32 (b, C)."""


def write_mixture(
    mixture: Streamable,
    *,
    size: int,
    out: Path,
    writer: Writer | None = None,
    seed: int = 0,
    card: str,
    beside: Mapping[str, str] | None = None,
) -> Path:
    """Draw `size` images from a mixture and write them, with their soft labels and a card, into folder `out`.

    The same mixture, seed and writer give the same bytes, and a smaller data set is the beginning of a larger one. One
    batch is in memory at a time. The files are written to a temporary folder that is renamed at the end, so `out` is
    complete or absent, whatever happens.

    Args:
        size: number of images n, at least 1.
        out: a folder that does not exist yet, or is empty.
        writer: `ImageFolderWriter()` (the default) or `NpzWriter()`.
        seed: of the draw.
        card: markdown text, written to CARD.md (see `geosearch.data.card.render_card`).
        beside: further files of text, by their names.

    Returns:
        The folder.

    Raises:
        OutputExistsError: `out` is a file, or a folder that is not empty.
        StorageError: the folder cannot be written or the disk is full; nothing is left behind.
        InvalidOptionError: a size below 1.
    """
    if size < 1:
        raise InvalidOptionError(f"expected a size of at least 1 image, got {size}")
    contents = Contents(Path(out).resolve().name or "mixture", size, mixture.image_shape, tuple(mixture.class_names))
    with atomic_dir(Path(out)) as folder:
        (writer or ImageFolderWriter()).write(folder, contents, _rows(mixture, size, seed))
        for name, text in {CARD: card, **(beside or {})}.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    return Path(out)


def _rows(mixture: Streamable, size: int, seed: int) -> Iterator[Batch]:
    """`size` rows in batches: images uint8 (b, h, w, ch), soft labels float32 (b, C)."""
    batches = mixture.batches(BATCH, stream(seed, "synthesize"))
    for start, (images, soft) in zip(range(0, size, BATCH), islice(batches, -(-size // BATCH)), strict=True):
        scaled = np.multiply(images[: size - start], 255)  # (b, ch, h, w)
        pixels = np.rint(scaled, out=scaled).clip(0, 255, out=scaled).astype(np.uint8)
        yield np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)), np.asarray(soft[: size - start], np.float32)
