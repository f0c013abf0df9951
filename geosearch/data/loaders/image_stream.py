"""ImageStream: images of any place in batches, however many there are; files that cannot be read are passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.fit import Fit
from geosearch.data.loaders.file_pixels import SetRendering
from geosearch.data.loaders.folder_tree import FolderTree, scan_folder
from geosearch.data.loaders.image_files import DecodedFiles, Failure, decode_images
from geosearch.data.loaders.registry import find_loader
from geosearch.data.loaders.suffixes import describe_readable, is_readable
from geosearch.data.read_report import PassedFile, Reason
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import GeosearchError, InvalidDataError, TooLargeError
from geosearch.runtime.user_folder import expand_user

_BATCH = 256  # images in memory at a time
_FOLDER = "imagefolder:"


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Some images of a stream.

    Attributes:
        names: k names: files within the folder, or rows of arrays.
        images: uint8 (k, h, w, ch), ch = 1 or 3.
        passed: files between them that could not be read.
    """

    names: tuple[str, ...]
    images: np.ndarray
    passed: tuple[PassedFile, ...] = ()


class ImageStream(Protocol):
    """Images in batches of at most 256."""

    @property
    def total(self) -> int:
        """Images and files that cannot be read, together."""
        ...

    def batches(self) -> Iterator[ImageBatch]:
        """All of them, in order, once."""
        ...


def open_images(
    place: str | Path, *, size: int, fit: Fit = "crop", rendering: SetRendering | None = None
) -> ImageStream:
    """The images of a folder (at any depth), of one file, or of a data set that a loader knows.

    >>> stream = open_images("digits", size=28)
    >>> next(stream.batches()).names[:2]
    ('0', '1')

    Args:
        place: a path, with ``~`` and ``${VARIABLES}``, or a specification such as ``npz:PATH`` (see `load`).
        size: side in pixels to which image files are brought, as for `load`.
        fit: how files of another aspect ratio become square.
        rendering: how values and transparency of files are understood; judged by the first files that ask for it if
            None.

    Raises:
        UnknownDatasetError: there is nothing of that name.
        InvalidOptionError: a ``~USER`` that there is not.
        InvalidDataError: a folder without images, or a set that cannot be read.
    """
    text = os.path.expandvars(str(place))
    path = expand_user(text.removeprefix(_FOLDER))
    if os.path.isdir(path):
        return _of_folder(scan_folder(path), size, fit, rendering)
    is_file = os.path.isfile(path)  # False for names that no file can have
    if is_file and is_readable(path):
        return FileStream((path,), path.parent, size, fit, rendering)
    is_archive = is_file and path.suffix.lower() == ".npz"
    return ArrayStream.load(f"npz:{path}" if is_archive else str(place), size, fit)


@dataclass(frozen=True, eq=False)
class FileStream:
    """Image files, decoded a batch at a time.

    Attributes:
        files: paths.
        root: the folder that names start from.
        size: side in pixels that they are brought to.
        fit: how files of another aspect ratio become square.
        rendering: see `open_images`.
        lost: what might have been images and is not read.
    """

    files: Sequence[Path]
    root: Path
    size: int
    fit: Fit = "crop"
    rendering: SetRendering | None = None
    lost: tuple[PassedFile, ...] = field(default=())

    @property
    def total(self) -> int:
        """Files, those that cannot be read included."""
        return len(self.files) + len(self.lost)

    def batches(self) -> Iterator[ImageBatch]:
        """All files in order; what is lost goes with the first batch."""
        rendering, lost = self.rendering, self.lost
        for start in range(0, len(self.files), _BATCH):
            files = self.files[start : start + _BATCH]
            decoded = self._decode(files, rendering)
            if rendering is None and decoded.rendering != SetRendering():
                rendering = decoded.rendering
            names = tuple(_within(self.root, file) for file, read in zip(files, decoded.read, strict=True) if read)
            failures = decoded.failures
            passed = tuple(PassedFile(_within(self.root, one.file), one.reason, what=one.what) for one in failures)
            yield ImageBatch(names, decoded.images, (*lost, *passed))
            lost = ()

    def _decode(self, files: Sequence[Path], rendering: SetRendering | None) -> DecodedFiles:
        """One absurd file does not end the stream."""
        try:
            return decode_images(
                files,
                (self.size, self.size),
                "images",
                fit=self.fit,
                rendering=(lambda: rendering) if rendering else None,
            )
        except GeosearchError as error:
            if len(files) == 1:
                what = "too many pixels" if isinstance(error, TooLargeError) else "values that cannot be told"
                failure = Failure(files[0], Reason.DAMAGED, what)
                empty = np.empty((0, self.size, self.size, 1), np.uint8)
                return DecodedFiles(empty, np.zeros(1, bool), (failure,), rendering or SetRendering(), ())
        return _join([self._decode([file], rendering) for file in files])


@dataclass(frozen=True, eq=False)
class ArrayStream:
    """The images of a set that a loader reads as a whole: both parts, if it has two.

    Attributes:
        parts: for each part, the names of its images and the images, uint8 (n, h, w, ch).
    """

    parts: Sequence[tuple[Sequence[str], np.ndarray]]

    @classmethod
    def load(cls, spec: str, size: int, fit: Fit) -> ArrayStream:
        """The set of a specification; glyphs are drawn at `size` pixels."""
        with find_loader(spec, size_hint=size, fit=fit) as loader:
            parts = [(_names(train := loader.read(), ""), train.images)]
            if loader.has_test:
                parts.append((_names(test := loader.read("test"), "test/"), test.images))
        return cls(parts)

    @property
    def total(self) -> int:
        """Images."""
        return sum(len(images) for _, images in self.parts)

    def batches(self) -> Iterator[ImageBatch]:
        """All images in order."""
        for names, images in self.parts:
            for start in range(0, len(images), _BATCH):
                rows = slice(start, start + _BATCH)
                yield ImageBatch(tuple(names[rows]), images[rows])


def _names(data: LabelledSet | UnlabelledSet, prefix: str) -> list[str]:
    assert data.row_names is not None  # of every set that a loader reads
    return [prefix + str(name) for name in data.row_names]


def _of_folder(tree: FolderTree, size: int, fit: Fit, rendering: SetRendering | None) -> FileStream:
    if not tree.all_images:
        raise InvalidDataError(f"{tree.path} has no image, at any depth; expected {describe_readable()}")
    lost = tuple(PassedFile(_within(tree.path, path), reason) for path, reason in tree.lost)
    return FileStream(tree.all_images, tree.path, size, fit, rendering, lost)


def _within(folder: Path, path: Path) -> str:
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _join(parts: Sequence[DecodedFiles]) -> DecodedFiles:
    """Files that were decoded one by one, as one result."""
    channels = max(one.images.shape[-1] for one in parts)
    images = [np.repeat(one.images, channels // one.images.shape[-1], axis=-1) for one in parts]
    special = [one.rendering for one in parts if one.rendering != SetRendering()]
    return DecodedFiles(
        np.concatenate(images),
        np.concatenate([one.read for one in parts]),
        tuple(failure for one in parts for failure in one.failures),
        special[0] if special else SetRendering(),
        tuple(share for one in parts for share in one.kept),
    )
