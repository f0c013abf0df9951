"""A stream as a dataset of PyTorch: seeded, of any length, and safe with several workers."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from generators.sets import blobs
from torch.utils.data import DataLoader

from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.streams import Pool
from geosearch.nn.torch_dataset import StreamDataset

POOL = Pool((blobs("a", 3, 40), blobs("b", 2, 10, seed=1, shift=5)))


def images_of(dataset: StreamDataset, **options: int) -> list[bytes]:
    """Every image of an epoch."""
    return [image.numpy().tobytes() for images, _ in DataLoader(dataset, batch_size=16, **options) for image in images]


def test_a_sample_is_an_image_and_a_soft_label() -> None:
    image, label = next(iter(StreamDataset(POOL)))
    assert image.shape == (1, 8, 8)
    assert label.shape == (5,)
    assert image.dtype == label.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1
    assert label.sum() == 1


def test_samples_follow_the_law_of_the_stream() -> None:
    """The pool takes both sets equally often, and the classes of a set equally often."""
    labels = torch.stack([label for _, label in StreamDataset(POOL, length=3000)])
    np.testing.assert_allclose(labels.mean(0), [1 / 6] * 3 + [1 / 4] * 2, atol=0.04)


def test_equal_seeds_give_equal_samples_and_epochs_differ() -> None:
    dataset = StreamDataset(POOL, seed=3, length=40)
    first = images_of(dataset)
    assert images_of(StreamDataset(POOL, seed=3, length=40)) == first == images_of(dataset)
    assert images_of(StreamDataset(POOL, seed=4, length=40)) != first
    dataset.set_epoch(1)
    assert images_of(dataset) != first


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_the_length_and_draw_from_streams_of_their_own(workers: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5000, 8, 8, 1)).astype(np.uint8)
    source = Pool((LabelledSet.from_arrays(noise, np.arange(5000) % 2, name="noise"),))
    dataset = StreamDataset(source, length=100)
    images = images_of(dataset, num_workers=workers)
    assert len(images) == 100
    assert len(set(images)) > 90  # workers with one stream would give every image twice
    assert images_of(dataset, num_workers=workers) == images


def test_without_a_length_it_has_no_end() -> None:
    dataset = StreamDataset(POOL)
    assert len(list(islice(dataset, 500))) == 500
    with pytest.raises(TypeError, match="no end"):
        len(dataset)
    assert len(StreamDataset(POOL, length=7)) == 7


@pytest.mark.parametrize("length", [0, -3])
def test_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidOptionError, match="at least 1"):
        StreamDataset(POOL, length=length)
