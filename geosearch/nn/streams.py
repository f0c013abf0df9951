"""Streams: endless batches of images and soft labels that a network is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch

from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError

Batch: TypeAlias = tuple[np.ndarray, np.ndarray]  # images float32 (b, ch, h, w) in [0, 1], soft labels float32 (b, C)
WeightedBatch: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]  # further shares float32 (b,), whose sum is 1


class Stream(Protocol):
    """Anything that yields endless batches of images and soft labels, e.g. a mixture."""

    @property
    def class_count(self) -> int: ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        ...

    def batches(self, size: int, rng: np.random.Generator, /) -> Iterator[Batch]:
        """Endless batches: images float32 (b, ch, h, w) in [0, 1] and soft labels float32 (b, C)."""
        ...


@dataclass(frozen=True)
class Pool:
    """The union of data sets with disjoint classes; every set is drawn equally often.

    Example:
        >>> import geosearch
        >>> import numpy as np
        >>> from geosearch.nn import Pool
        >>> pool = Pool((geosearch.load("digits"), geosearch.load("digits")))
        >>> images, labels = next(pool.batches(32, np.random.default_rng(0)))
        >>> images.shape, labels.shape
        ((32, 1, 8, 8), (32, 20))
    """

    sets: tuple[LabelledSet, ...]

    @property
    def class_count(self) -> int:
        return sum(len(each.classes) for each in self.sets)

    @property
    def class_names(self) -> tuple[str, ...]:
        """'set/class', C of them."""
        return tuple(f"{each.name}/{label}" for each in self.sets for label in each.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        return self.sets[0].shape

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless: images float32 (b, ch, h, w) in [0, 1] and one-hot labels float32 (b, C)."""
        offsets = np.cumsum([0, *(len(each.classes) for each in self.sets)])
        one_hot = np.eye(self.class_count, dtype=np.float32)
        while True:
            source = rng.integers(len(self.sets), size=size)
            rows = rng.integers([len(self.sets[i]) for i in source])
            pairs = list(zip(source, rows, strict=True))
            images = np.stack([self.sets[i].images[row] for i, row in pairs])
            labels = np.array([offsets[i] + self.sets[i].labels[row] for i, row in pairs])
            yield as_tensor(images).numpy(), one_hot[labels]


@dataclass(frozen=True, eq=False)
class FixedSet:
    """A small fixed set of images with soft labels, as a stream.

    Attributes:
        images: float32 (k, ch, h, w) in [0, 1].
        labels: float32 (k, C), rows that sum to 1.
        class_names: the C names; empty if unknown.

    Example:
        >>> import numpy as np
        >>> from geosearch.nn import FixedSet
        >>> fixed = FixedSet(np.zeros((6, 1, 8, 8), np.float32), np.eye(6, dtype=np.float32))
        >>> images, labels = next(fixed.batches(6, np.random.default_rng(0)))
        >>> sorted(labels.argmax(1).tolist())
        [0, 1, 2, 3, 4, 5]
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def class_count(self) -> int:
        return self.labels.shape[1]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        ch, h, w = self.images.shape[1:]
        return h, w, ch

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless batches; every pass over the set is shuffled anew."""
        for rows in shuffled_rows(len(self), size, rng):
            yield self.images[rows], self.labels[rows]


def draw_images(mixture: Stream, size: int, rng: np.random.Generator) -> Batch:
    """The first `size` images and soft labels of a stream: (size, ch, h, w) and (size, C).

    Raises:
        InvalidOptionError: `size` is less than 1.
    """
    if size < 1:
        raise InvalidOptionError(f"expected at least 1 image, got {size}")
    parts: list[Batch] = []
    for batch in mixture.batches(256, rng):
        parts.append(batch)
        if 256 * len(parts) >= size:
            break
    images, labels = (np.concatenate(arrays)[:size] for arrays in zip(*parts, strict=True))
    return images, labels


def shot_batches(shots: LabelledSet, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Endless batches of the shots with one-hot labels; every pass is shuffled anew."""
    for images, labels, _ in _shot_batches(shots, size, rng, is_distinct=False):
        yield images, labels


def distinct_shot_batches(shots: LabelledSet, size: int, rng: np.random.Generator) -> Iterator[WeightedBatch]:
    """The same batches, each image once with its share of the batch.

    A batch that is larger than the shots holds images several times. Where an image is the same each time, and the
    network treats every image alone, the weighted mean of the losses is that of the whole batch.
    """
    yield from _shot_batches(shots, size, rng, is_distinct=True)


def _shot_batches(
    shots: LabelledSet, size: int, rng: np.random.Generator, *, is_distinct: bool
) -> Iterator[WeightedBatch]:
    images = as_tensor(shots.images).numpy()
    labels = np.eye(len(shots.classes), dtype=np.float32)[shots.labels]
    for rows in shuffled_rows(len(shots), size, rng):
        counts = np.ones(size, np.int64)
        if is_distinct:
            rows, counts = np.unique(rows, return_counts=True)
        yield images[rows], labels[rows], (counts / size).astype(np.float32)


def shuffled_rows(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless arrays (size,) of the rows 0..count-1; every pass over the rows is shuffled anew."""
    queue = np.empty(0, dtype=np.int64)
    while True:
        while len(queue) < size:
            queue = np.concatenate([queue, rng.permutation(count)])
        rows, queue = queue[:size], queue[size:]
        yield rows


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 (n, h, w, ch) -> float32 (n, ch, h, w) in [0, 1]."""
    return torch.from_numpy(np.require(images, requirements=["C", "W"])).permute(0, 3, 1, 2).float().div_(255.0)
