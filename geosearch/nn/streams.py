"""Pool: several labelled sets as one stream to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.nn.train import Batch, as_tensor


@dataclass(frozen=True)
class Pool:
    """The union of sets with disjoint labels, images as they are; every set comes equally often."""

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
