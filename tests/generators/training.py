"""A mixture small enough to train on in a test, and shots of a like target."""

from collections.abc import Iterator
from functools import partialmethod
from typing import Any

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.data.dataset import LabelledSet
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe


def train_briefly(monkeypatch: pytest.MonkeyPatch, option: type, **defaults: Any) -> None:
    """Change defaults of an option, where not the quality of what is trained is tested but that it is."""
    monkeypatch.setattr(option, "__init__", partialmethod(option.__init__, **defaults))


class BlobMixture:
    """Pairs of blobs mixed half and half, with soft labels."""

    def __init__(self) -> None:
        self.set = blobs("mixed", 6, 30)
        self.class_count = 6
        self.image_shape = self.set.shape

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        images = self.set.images.transpose(0, 3, 1, 2).astype(np.float32) / 255
        labels = np.eye(6, dtype=np.float32)[self.set.labels]
        while True:
            a, b = rng.integers(len(labels), size=(2, size))
            share = rng.beta(0.3, 0.3, size=size).astype(np.float32)
            yield (
                share[:, None, None, None] * images[a] + (1 - share)[:, None, None, None] * images[b],
                share[:, None] * labels[a] + (1 - share)[:, None] * labels[b],
            )


@pytest.fixture
def mixture() -> BlobMixture:
    return BlobMixture()


@pytest.fixture
def shots() -> LabelledSet:
    return blobs("target", 4, 4, seed=1, shift=1)


@pytest.fixture
def test_part() -> LabelledSet:
    return blobs("target", 4, 40, seed=2, shift=1)


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(network=SmallConv(8), steps=30, batch=32, augmentation=Augmentation(0.0, 0.0, 0.05))
