"""StreamDataset: a stream of images and soft labels as a dataset of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.streams import Stream

_BLOCK = 64  # images drawn at a time


class StreamDataset(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """An iterable dataset that draws (image, soft label) pairs from a stream such as a mixture.

    An image is float32 (ch, h, w) in [0, 1], a soft label float32 (C,) with sum 1; `torch.nn.CrossEntropyLoss` takes
    such labels as they are. Equal arguments and numbers of workers give equal samples. Every worker of a `DataLoader`
    draws from a random stream of its own; together they yield `length` samples.

    Args:
        stream: where samples are drawn from; it is pickled if the `DataLoader` starts workers by "spawn".
        seed: seed of the samples. Give every process of a distributed training another one.
        length: samples in an epoch; None for an endless dataset.

    Raises:
        InvalidOptionError: `length` is less than 1.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Pool, StreamDataset
        >>> from torch.utils.data import DataLoader
        >>> dataset = StreamDataset(Pool((geosearch.load("digits"),)), seed=0, length=100)
        >>> [images.shape for images, labels in DataLoader(dataset, batch_size=64)]
        [torch.Size([64, 1, 8, 8]), torch.Size([36, 1, 8, 8])]
    """

    def __init__(self, stream: Stream, *, seed: int = 0, length: int | None = None) -> None:
        super().__init__()
        if length is not None and length < 1:
            raise InvalidOptionError(f"expected a length of at least 1, got {length}; leave it out for no end")
        self.stream, self.seed, self.length = stream, seed, length
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw other samples in this epoch than in others; without it every epoch repeats the samples of the first."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("this dataset has no end and so no length; give length=")
        return self.length

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info is not None else (0, 1)
        samples = self._samples(seeds.stream(self.seed, "torch-dataset", self.epoch, worker))
        if self.length is None:
            return samples
        return islice(samples, self.length // workers + (worker < self.length % workers))

    def _samples(self, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for images, labels in self.stream.batches(_BLOCK, rng):
            yield from zip(torch.tensor(images), torch.tensor(labels), strict=True)
