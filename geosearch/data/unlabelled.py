"""UnlabelledSet: images whose classes nobody has named, and what gives them pseudo-labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet, checked_images
from geosearch.errors import InvalidDataError
from geosearch.runtime.cache import Cache


@dataclass(frozen=True, eq=False)
class UnlabelledSet:
    """Images of one size, without labels. It becomes a source once a `Labelling` has labelled it.

    Build one from your own arrays with `UnlabelledSet.from_images`, which checks them.

    Attributes:
        images: uint8 (n, h, w, ch), ch = 1 (grey) or 3 (RGB).
        name: short name, unique within a study.
        license: license of the images as far as known.
    """

    images: np.ndarray
    name: str
    license: str = "unknown"

    @classmethod
    def from_images(cls, images: np.ndarray, *, name: str, license: str = "unknown") -> UnlabelledSet:
        """Check a user's images, as `LabelledSet.from_arrays` does, and wrap them."""
        return cls(checked_images(images, name), name, license)

    @classmethod
    def of(cls, data: LabelledSet) -> UnlabelledSet:
        """A labelled set whose labels are put aside."""
        return cls(data.images, data.name, data.license)

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

    def sample(self, size: int, rng: np.random.Generator) -> UnlabelledSet:
        """At most `size` rows, drawn without repetition."""
        if size >= len(self):
            return self
        return UnlabelledSet(self.images[rng.permutation(len(self))[:size]], self.name, self.license)

    def as_one_class(self) -> LabelledSet:
        """A stand-in for what looks at images only, e.g. the fit of an embedding such as PCA."""
        return LabelledSet(self.images, np.zeros(len(self), np.int64), ("unknown",), self.name, self.license)

    def labelled(self, labels: np.ndarray, by: str) -> LabelledSet:
        """The same images with pseudo-labels.

        Args:
            labels: (n,) numbers, equal for images of one class; they are numbered anew, without gaps.
            by: how the labels were made; goes into cards and reports.

        Raises:
            InvalidDataError: all images have one and the same label.
        """
        present, numbers = np.unique(labels, return_inverse=True)
        if len(present) < 2:
            raise InvalidDataError(
                f"all {len(self)} images of set '{self.name}' got one and the same pseudo-label; "
                "they may be equal, or nothing in the embedding tells them apart: use another one, or give labels"
            )
        names = tuple(f"pseudo-{i}" for i in range(len(present)))
        return LabelledSet(self.images, numbers.astype(np.int64), names, self.name, self.license, labelled_by=by)


class Labelling(Protocol):
    """A way of giving pseudo-labels to a set that has none."""

    @property
    def how(self) -> str:
        """In a few words, before any image has been seen, e.g. 'k-means, 10 labels'."""
        ...

    @property
    def labels(self) -> int:
        """How many labels are asked for; there may be fewer."""
        ...

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        """Label every image.

        Args:
            data: what is to be labelled.
            known: labelled sets at hand, of the same image shape, their labels true; there may be none.
            seed: of whatever is random in it.
            cache: where fitted embeddings are kept.
        """
        ...
