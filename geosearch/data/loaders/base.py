"""Loader: one data set, named by a specification such as 'npz:PATH'; opened once, then asked and read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.fit import Fit, describe_crop, kept_share, make_square
from geosearch.data.loaders.file_pixels import SetRendering
from geosearch.data.read_report import ReadReport
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError, InvalidOptionError, UnknownDatasetError
from geosearch.runtime.cache import default_folder
from geosearch.runtime.user_folder import expand_user

Part = Literal["train", "test"]
OnDamaged = Literal["skip", "refuse"]
_FEW_LEVELS = 32  # an eighth of the range
_SHARE = 20  # one image in this many may be of one flat color before that is said
AnyLoader = TypeVar("AnyLoader", bound="Loader")


@dataclass(frozen=True)
class LoadOptions:
    """How any data set is loaded, whatever its kind.

    Attributes:
        root: folder of torchvision's files; ``torchvision`` in the cache folder if None.
        download: let torchvision download what is missing.
        size: side in pixels at which glyphs are drawn and image files are read; if None, that of the set.
        fit: how image files of another aspect ratio are brought to the shape of the set: "crop", "pad" or "stretch".
        on_damaged: "skip" passes over files that cannot be read, up to one in 20 of a class; "refuse" none.
        rendering: how values of more than 8 bits and transparency of image files are understood; if None, as these
            files themselves say.
    """

    root: str | Path | None = None
    download: bool = False
    size: int | None = None
    fit: Fit = "crop"
    on_damaged: OnDamaged = "skip"
    rendering: SetRendering | None = None

    @property
    def judged(self) -> Callable[[], SetRendering] | None:
        """`rendering` as `decode_images` asks for it; None where that says nothing of files that are not plain."""
        rendering = self.rendering
        return None if rendering is None or rendering == SetRendering() else lambda: rendering

    @property
    def torchvision_root(self) -> Path:
        return default_folder() / "torchvision" if self.root is None else expand_user(self.root)


@dataclass(frozen=True)
class DatasetInfo:
    """A data set that can be loaded by name: one line of `geosearch domains`.

    Attributes:
        spec: what to write in a study file.
        classes: number of classes; images: of the training part; test_images: 0 without a test part.
        size: side of an image in pixels; channels: 1 or 3.
        license: as far as known.
        needs_download: its files are not on this machine yet.
    """

    spec: str
    classes: int
    images: int
    test_images: int
    size: int
    channels: int
    license: str
    needs_download: bool


@dataclass(frozen=True)
class Loader(ABC):
    """A data set of one kind, named by a specification.

    Nothing is opened before it is needed, nothing is opened twice, and a ``with`` block closes it::

        with find_loader("npz:mine.npz") as loader:
            train = loader.read()
            test = loader.read("test") if loader.has_test else None

    A new kind of source is a subclass with `register_loader` in a file of its own, listed in this room's
    ``__init__.pyi``; it passes tests/contracts/test_loaders.py.

    Attributes:
        form: how a specification of this kind is written, e.g. ``npz:PATH``.
        labels_expected: what a set of this kind without labels lacks; empty if none is without.
        spec: the specification.
        options: how it is loaded.
    """

    form: ClassVar[str]
    labels_expected: ClassVar[str] = ""

    spec: str
    options: LoadOptions

    @classmethod
    @abstractmethod
    def parse(cls, spec: str, options: LoadOptions) -> Self | None:
        """The loader of a specification, or None if it is of another kind; looks at no file."""

    @classmethod
    def named(cls, options: LoadOptions) -> Sequence[DatasetInfo]:
        """The sets of this kind that have a name of their own; none where a path names them."""
        return ()

    @classmethod
    def suggest(cls, spec: str) -> str | None:
        """The specification that was probably meant by one that no loader knows; None if nothing suggests so."""
        return None

    @property
    def portable_id(self) -> str:
        """The specification without what differs between machines, such as the folders that a file lies in."""
        return self.spec

    @property
    def has_labels(self) -> bool:
        """Whether the set comes with labels; nothing is downloaded or decoded for the answer."""
        return True

    @property
    def unlabelled_because(self) -> str:
        """What this set lacks, if it has no labels."""
        return self.labels_expected

    @property
    def has_test(self) -> bool:
        """Whether the set comes with a test part of its own; nothing is downloaded or decoded for the answer."""
        return False

    @property
    def rendering(self) -> SetRendering | None:
        """How values and transparency of the training part's files are understood; None for a set that is no files."""
        return None

    @property
    def has_unlabelled(self) -> bool:
        """Whether a set with labels comes with images that have none, too."""
        return False

    def read(self, part: Part = "train") -> LabelledSet | UnlabelledSet:
        """One part of the set: a `LabelledSet` if it has labels, else an `UnlabelledSet`.

        Args:
            part: "train", or "test" where `has_test`; a set without a test part is all "train".

        Raises:
            UnknownDatasetError: the files, or a test part, are not there.
            InvalidDataError: files that are damaged, or hold something else.
            StorageError: a download that failed.
            TooLargeError: images that would need more memory than the limits allow.
        """
        if part not in ("train", "test"):
            raise InvalidOptionError(f"part must be 'train' or 'test', got {part!r}")
        if part == "test" and not self.has_test:
            raise UnknownDatasetError(f"'{self.spec}' has no test part; use part = 'train', which is all of it")
        data = self._read(part)
        report = data.report or self.plain_report(part, len(data))
        seen = data.images if self.options.size is None else make_square(data.images, self.options.fit)
        notes = (*report.notes, _check_contrast(seen, self.spec), self._describe_crop(data.images))
        names = np.arange(len(data)).astype(str) if data.row_names is None else data.row_names
        return replace(data, report=replace(report, notes=tuple(filter(None, notes))), row_names=names)

    def _describe_crop(self, images: np.ndarray) -> str:
        """A note if much of these images is lost when they become square."""
        if self.options.size is None or self.options.fit != "crop":
            return ""
        return describe_crop([kept_share((images.shape[2], images.shape[1]))])

    def plain_report(self, part: Part, count: int, notes: Sequence[str] = ()) -> ReadReport:
        """The account of a reader that takes everything; empty notes are left out."""
        kind = self.form.partition(":")[0].partition("/")[0]
        place = str(getattr(self, "path", ""))
        return ReadReport(self.spec, kind, place, part, count, count, notes=tuple(filter(None, notes)))

    def read_labelled(self, part: Part = "train") -> LabelledSet:
        """As `read`, for who needs labels.

        Raises:
            InvalidDataError: also if the set has no labels; the message says what it lacks.
        """
        data = self.read(part) if self.has_labels else None
        if isinstance(data, LabelledSet):
            return data
        raise InvalidDataError(
            f"'{self.spec}' has no labels: {self.unlabelled_because}; as a source of a study it may go without when "
            'the study says how to label it, domain.pseudo_labeller = "g2l" or "clusters"; or write labels '
            "with `geosearch label`"
        )

    def read_unlabelled(self) -> UnlabelledSet:
        """Images without labels: those of a set with labels that have none, else all of its training part.

        In a folder, images at any depth count. Errors are those of `read`, and `InvalidDataError` if there is no image.
        """
        return self.read_without_labels()

    def read_without_labels(self) -> UnlabelledSet:
        """The training part without the labels that it may have; errors are those of `read`.

        All images of a folder, if its sub-folders are no classes.
        """
        data = self.read()
        return UnlabelledSet.of(data) if isinstance(data, LabelledSet) else data

    @abstractmethod
    def _read(self, part: Part) -> LabelledSet | UnlabelledSet:
        """`read` for a part that is there; a reader that passes something over, or has something to say of how it
        understood the set, gives the set a `ReadReport`, else `read` adds a plain one."""

    def close(self) -> None:  # noqa: B027  (most have nothing to close)
        """Close what was opened; it is opened again if it is needed again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_contrast(images: np.ndarray, spec: str) -> str:
    """A note if images use few grey levels or are flat; refused if they are all of one flat color."""
    lows, highs = images.min(1).min(1), images.max(1).max(1)  # (n, ch); over both axes at once is ten times slower
    least, most = lows.min(0), highs.max(0)
    if len(images) > 1 and (least == most).all():
        raise InvalidDataError(
            f"all {len(images):,} images of '{spec}' are of one flat color {tuple(map(int, least))}, so there is "
            "nothing to learn from them; check how they were saved (transparency, bit depth, range of values), and "
            'whether a crop leaves anything to be seen (domain.fit = "pad")'
        )
    low, high = int(least.min()), int(most.max())
    if high - low < _FEW_LEVELS:
        return f"the images use only the grey levels {low}..{high} of 0..255; if {high} is their white, stretch them"
    flat = int((lows == highs).all(1).sum())
    if flat > len(images) / _SHARE:
        return f"{flat:,} of {len(images):,} images are each of one flat color; check how they were saved"
    typical = int(np.median(highs.max(1) - lows.min(1)))
    if typical >= _FEW_LEVELS:  # an image may still be dark but for single pixels
        typical = int(np.median(_without_brightest(images) - lows.min(1)))
    if typical < _FEW_LEVELS:
        return f"a typical image uses only {typical + 1} of 256 grey levels; a few bright pixels may have set the range"
    return ""


def _without_brightest(images: np.ndarray) -> np.ndarray:
    """The largest grey level of each image but for its brightest pixels, one in 500 and at least one: (n,)"""
    levels = reduce(np.maximum, np.moveaxis(images, -1, 0)).reshape(len(images), -1)
    rank = max(1, levels.shape[1] // 500)
    return np.partition(levels, -rank - 1, axis=1)[:, -rank - 1] if levels.shape[1] > rank else levels.max(1)


LOADERS: dict[str, type[Loader]] = {}  # by `form`


def register_loader(loader: type[AnyLoader]) -> type[AnyLoader]:
    """Class decorator: specifications of this form are loaded by this class."""
    LOADERS[loader.form] = loader
    return loader
