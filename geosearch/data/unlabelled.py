"""UnlabelledSet: images without labels, and the contract of what gives them pseudo-labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet, check_images, take_names
from geosearch.data.read_report import ReadReport
from geosearch.errors import InvalidDataError
from geosearch.runtime.cache import Cache


@dataclass(frozen=True, eq=False)
class UnlabelledSet:
    """Images of one size, without labels. A `Labelling` turns it into a `LabelledSet`.

    Make one of your own images with `UnlabelledSet.from_images`, which checks them; the constructor does not.

    >>> import numpy as np
    >>> data = UnlabelledSet.from_images(np.zeros((4, 28, 28), np.uint8), name="mine")
    >>> data
    UnlabelledSet('mine', 4 images (28, 28, 1))
    >>> data.with_labels(np.array([7, 7, 3, 3]), by="hand").labels
    array([1, 1, 0, 0])

    Attributes:
        images: uint8 (n, h, w, ch), ch = 1 (grey) or 3 (RGB).
        name: short name, unique within a study.
        license: license of the images as far as known.
        report: what its reader saw, took and passed over; None for a set of arrays.
        row_names: str (n,), what each image is called where it was read: its file within the folder, or its row number;
            None for a set of arrays.
    """

    images: np.ndarray
    name: str
    license: str = "unknown"
    report: ReadReport | None = None
    row_names: np.ndarray | None = None

    @classmethod
    def from_images(cls, images: np.ndarray, *, name: str, license: str = "unknown") -> UnlabelledSet:
        """A set of your own images, checked as by `LabelledSet.from_arrays`."""
        return cls(check_images(images, name), name, license)

    @classmethod
    def of(cls, data: LabelledSet) -> UnlabelledSet:
        """The images of a labelled set."""
        return cls(data.images, data.name, data.license, data.report, data.row_names)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"UnlabelledSet({self.name!r}, {len(self)} images {self.shape})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        return self.images.shape[1:]  # type: ignore[return-value]

    @cached_property
    def fingerprint(self) -> str:
        """A hexadecimal digest of the images."""
        digest = hashlib.blake2b(str((self.images.shape, self.images.dtype)).encode(), digest_size=10)
        digest.update(np.ascontiguousarray(self.images).data)
        return digest.hexdigest()

    def take(self, rows: np.ndarray) -> UnlabelledSet:
        """The images at `rows` (integers or a mask)."""
        return replace(self, images=self.images[rows], row_names=take_names(self.row_names, len(self), rows))

    def sample(self, size: int, rng: np.random.Generator) -> UnlabelledSet:
        """At most `size` images, drawn without replacement."""
        if size >= len(self):
            return self
        return self.take(rng.permutation(len(self))[:size])

    def as_one_class(self) -> LabelledSet:
        """A labelled set of one class, for what looks at images only, such as the fit of a PCA."""
        return LabelledSet(
            self.images, np.zeros(len(self), np.int64), ("unknown",), self.name, self.license, report=self.report
        )

    def with_labels(self, labels: np.ndarray, by: str) -> LabelledSet:
        """The same images with pseudo-labels.

        Args:
            labels: (n,) numbers, equal for images of one class; they are renumbered from 0 without gaps.
            by: how the labels were made; shown in cards and reports.

        Raises:
            InvalidDataError: all images have the same label.
        """
        present, numbers = np.unique(labels, return_inverse=True)
        if len(present) < 2:
            raise InvalidDataError(
                f"all {len(self)} images of set '{self.name}' got the same pseudo-label; "
                "they may be equal, or look the same in this embedding: choose another embedding, or give labels"
            )
        names = tuple(f"pseudo-{i}" for i in range(len(present)))
        return LabelledSet(
            self.images, numbers.astype(np.int64), names, self.name, self.license, by, self.report, self.row_names
        )


class Labelling(Protocol):
    """A method that gives pseudo-labels to a set without labels."""

    @property
    def how(self) -> str:
        """A short description, e.g. 'k-means, 10 labels'."""
        ...

    @property
    def labels(self) -> int:
        """Number of labels wanted; there may be fewer."""
        ...

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        """Label every image.

        Args:
            data: the images.
            known: labelled sets of the same image shape; there may be none.
            seed: fixes what is random in it.
            cache: where fitted embeddings are kept.
        """
        ...
