"""LabelledSet: images with one class label each, which every room of the package works on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from geosearch.data.class_labels import ClassLabels
from geosearch.data.image_axes import order_axes
from geosearch.data.read_report import ReadReport
from geosearch.data.rendering import Rendering
from geosearch.errors import InvalidDataError


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Images of one size with one class label each.

    Make one of your own arrays with `LabelledSet.from_arrays`, which checks them; the constructor does not.

    >>> import numpy as np
    >>> images = np.zeros((4, 28, 28), np.uint8)
    >>> data = LabelledSet.from_arrays(images, np.array([0, 1, 0, 1]), name="mine", classes=["cat", "dog"])
    >>> data
    LabelledSet('mine', 4 images (28, 28, 1), 2 classes)
    >>> len(data.take(data.labels == 1))
    2

    Attributes:
        images: uint8 (n, h, w, ch), ch = 1 (grey) or 3 (RGB); values 0..255.
        labels: int64 (n,), values 0..c-1, every value present.
        classes: the c class names.
        name: short name, unique within a study.
        license: license of the images as far as known.
        labelled_by: how the labels were made, if they are pseudo-labels; empty if they came with the images.
        report: what its reader saw, took and passed over; None for a set of arrays.
        row_names: str (n,), what each image is called where it was read: its file within the folder, or its row number;
            None for a set of arrays.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    license: str = "unknown"
    labelled_by: str = ""
    report: ReadReport | None = None
    row_names: np.ndarray | None = None

    @classmethod
    def from_arrays(
        cls,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        name: str,
        classes: Sequence[str] | None = None,
        license: str = "unknown",
    ) -> LabelledSet:
        """A set of your own arrays, checked.

        Args:
            images: (n, h, w) or (n, h, w, ch), ch = 1, 3 or 4 (with alpha), or channels first where that is plain;
                whole numbers, bool, or floats in [0, 1], [-1, 1] or from 0 to any maximum (see `Rendering`).
            labels: (n,) integers 0..c-1 without gaps, text, bytes or bool; or (n, c) one-hot.
            name: short name of the set.
            classes: c class names; the labels themselves if omitted.
            license: license of the images.

        Raises:
            InvalidDataError: empty, NaN or infinite images, mixed shapes, labels that are negative,
                non-integer, several an image or have gaps, fewer than two classes, or a wrong number of class names.
        """
        pixels = check_images(images, name, np.shape(labels)[0] if np.ndim(labels) else None)
        read = ClassLabels.read(labels, len(pixels), name)
        given = classes if classes is not None else read.names
        numbers = read.numbers if given is None else read.numbered_as(tuple(map(str, given)), name)
        _check_labels(numbers, name)
        count = int(numbers.max()) + 1
        names = tuple(map(_text, given)) if given is not None else tuple(map(str, range(count)))
        if len(names) != count:
            raise InvalidDataError(
                f"set '{name}' has {count} labels (0..{count - 1}) but {len(names)} class names; give one per label"
            )
        if len(set(names)) < count:
            twice = next(one for one, times in Counter(names).items() if times > 1)
            raise InvalidDataError(
                f"set '{name}' has several classes named '{twice}'; give every class a name of its own"
            )
        return cls(pixels, numbers, names, name, license)

    @classmethod
    def test_part(
        cls,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        name: str,
        classes: Sequence[str],
        license: str = "unknown",
    ) -> LabelledSet:
        """The test part of a set whose classes are known, checked; classes may be missing, but not new.

        Args:
            images: as in `from_arrays`.
            labels: (p,) integers within 0..c-1, or text that names classes.
            name: name of the whole set.
            classes: the c class names of the training part.
            license: license of the images.

        Raises:
            InvalidDataError: as `from_arrays`, or a label that the training part does not have.
        """
        pixels = check_images(images, name)
        numbers = ClassLabels.read(labels, len(pixels), name).numbered_as(tuple(map(str, classes)), name)
        if numbers.min() < 0 or numbers.max() >= len(classes):
            raise InvalidDataError(
                f"set '{name}': its training part has labels 0..{len(classes) - 1}, its test part has "
                f"{numbers.min()}..{numbers.max()}; both parts must share one numbering"
            )
        return cls(pixels, numbers, tuple(map(_text, classes)), name, license)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"LabelledSet({self.name!r}, {len(self)} images {self.shape}, {len(self.classes)} classes)"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        return self.images.shape[1:]  # type: ignore[return-value]

    @cached_property
    def fingerprint(self) -> str:
        """A hexadecimal digest of images, labels and number of classes; equal content gives equal fingerprints."""
        digest = hashlib.blake2b(digest_size=10)
        if len(self.classes) > self.labels.max(initial=-1) + 1:  # a class without images
            digest.update(str(len(self.classes)).encode())
        for array in (self.images, self.labels):
            digest.update(str((array.shape, array.dtype)).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def sort_by_class(self) -> LabelledSet:
        """The same images, sorted by class; within a class their order stays."""
        return self.take(np.argsort(self.labels, kind="stable"))

    def take(self, rows: np.ndarray) -> LabelledSet:
        """The images and labels at `rows` (integers or a mask); `classes` stays, even if a class loses all images."""
        names = take_names(self.row_names, len(self), rows)
        return replace(self, images=self.images[rows], labels=self.labels[rows], row_names=names)

    def concatenate(self, other: LabelledSet) -> LabelledSet:
        """This set followed by another one of the same classes and image shape."""
        return replace(
            self,
            images=np.concatenate([self.images, other.images]),
            labels=np.concatenate([self.labels, other.labels]),
            row_names=None,
        )

    def sample(self, size: int, rng: np.random.Generator) -> LabelledSet:
        """At most `size` images, drawn without replacement and evenly over the classes."""
        return self if size >= len(self) else self.take(balanced_rows(self.labels, size, rng))


def take_names(names: np.ndarray | None, count: int, rows: np.ndarray) -> np.ndarray | None:
    """The names at `rows`; None if there are none, or if they are those of other images than these `count`."""
    return None if names is None or len(names) != count else names[rows]


def balanced_rows(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` distinct row numbers, as evenly over the classes as the classes allow, in random order."""
    order = rng.permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.int64)  # position of a row within its class
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        rank[rows] = np.arange(len(rows))
    chosen = order[np.argsort(rank[order], kind="stable")[:size]]
    return rng.permutation(chosen)


def check_images(images: np.ndarray, name: str, count: int | None = None) -> np.ndarray:
    """Images of a user as uint8 (n, h, w, ch), ch = 1 or 3; `count` is the number of labels, if there are any.

    Raises:
        InvalidDataError: they are empty, of mixed shapes, of another dtype, or in a range that cannot be told.
    """
    array = stack_images(images, name, count)
    return Rendering.of(array, name).apply(array)


def stack_images(images: np.ndarray, name: str, count: int | None = None) -> np.ndarray:
    """Images of a user as one array (n, h, w, ch), ch = 1, 3 or 4, in the values that they have."""
    try:
        array = np.asarray(images)
    except ValueError as error:
        raise InvalidDataError(f"set '{name}' mixes image shapes; resize its images to one shape first") from error
    if array.dtype == object:
        raise InvalidDataError(f"set '{name}' mixes image shapes or types; resize its images to one shape first")
    return order_axes(array, name, count)


def _check_labels(array: np.ndarray, name: str) -> None:
    """Refuse labels that are not 0..c-1, every one present, c >= 2."""
    present = np.unique(array)
    if present[0] < 0:
        raise InvalidDataError(
            f"set '{name}': labels must not be negative, got {present[0]}; if that means none, leave these images out "
            "(keep = labels >= 0), else renumber with numpy.unique(labels, return_inverse=True)[1]"
        )
    missing = np.setdiff1d(np.arange(min(int(present[-1]), len(present) + 5) + 1), present)  # however far they run
    if len(missing):
        raise InvalidDataError(
            f"set '{name}': labels run to {present[-1]} but {missing[:5].tolist()} never occur; "
            "renumber with numpy.unique(labels, return_inverse=True)[1]"
        )
    if len(present) < 2:
        raise InvalidDataError(
            f"set '{name}' has one class only; a labelled set needs at least two: label images of another one"
        )


def _text(name: object) -> str:
    """A class name that can be written to any file: what is not valid Unicode becomes a question mark."""
    return str(name).encode(errors="replace").decode().replace("\0", "?")
