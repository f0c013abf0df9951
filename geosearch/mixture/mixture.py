"""Mixture: an endless stream of images and soft labels, at a point of the hull."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidWeightsError
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.weights import Weights
from geosearch.runtime.cache import content_key

Batch = tuple[np.ndarray, np.ndarray]
if TYPE_CHECKING:
    from geosearch.nn.torch_dataset import StreamDataset

_CLOUD = 2  # version of the random numbers at finite concentrations
_BLOCK_VALUES = 2**19  # pixels drawn at once by `Mixture.batches`: large enough to hide NumPy's call overhead


@dataclass(frozen=True, eq=False)
class Mixture:
    """The mixture rho_a = (sum_i a_i T_i)# Q of sources along their transport maps T_i from the target Q.

    Row k has the image sum_i w_i T_i(x_k) and, as its label, the blocks w_i * softlabel_i(x_k) over the disjoint union
    of the classes of the sources; w is a, or drawn for each image (see `Weights`). Pooling, Mixup and single sources
    belong to the same family. Images are made when they are drawn. Source: Fan & Alvarez-Melis 2023, sec. 4.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> target, one, other = (digits.take(range(i, i + 50)) for i in (0, 50, 100))
        >>> encoder = geosearch.Pixels().fit([one, other], seed=0, cache=None)
        >>> anchors = geosearch.build_anchors(target, [one, other], encoder)
        >>> mixture = geosearch.Mixture(anchors, geosearch.Weights.of([0.5, 0.5]))

        Train any network on it:

        >>> import torch
        >>> loader = torch.utils.data.DataLoader(mixture.to_torch(length=64), batch_size=32)
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, mixture.class_count))
        >>> for images, soft_labels in loader:
        ...     torch.nn.functional.cross_entropy(network(images), soft_labels).backward()

    Raises:
        InvalidWeightsError: not one weight per source.
    """

    anchors: Anchors
    weights: Weights

    def __post_init__(self) -> None:
        if len(self.weights.values) != len(self.anchors.sources):
            raise InvalidWeightsError(
                f"expected {len(self.anchors.sources)} weights, one per source "
                f"({', '.join(self.names)}), got {len(self.weights.values)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(source.name for source in self.anchors.sources)

    @property
    def class_names(self) -> tuple[str, ...]:
        """'source/class' for each of the C label columns."""
        return tuple(f"{source.name}/{c}" for source in self.anchors.sources for c in source.classes)

    @property
    def class_count(self) -> int:
        """C = sum of the sources' numbers of classes."""
        return sum(len(source.classes) for source in self.anchors.sources)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        return self.anchors.reference.shape

    @property
    def key(self) -> str:
        """Content key: anchors, weights, concentration and pairing."""
        return content_key(
            "mixture",
            anchors=self.anchors.key,
            weights=self.weights.values,
            concentration=str(self.weights.concentration),
            pairing=self.weights.pairing,
            **({"version": _CLOUD} if 0 < self.weights.concentration < math.inf else {}),
        )

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw images float32 (size, ch, h, w) in [0, 1] with soft labels float32 (size, C)."""
        shares = draw_weights(self.weights, size, rng)
        return self._mix(shares, self._picks(rng.integers(len(self.anchors.reference), size=size), rng))

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless random batches: images float32 (size, ch, h, w) in [0, 1], soft labels float32 (size, C)."""
        block = max(_BLOCK_VALUES // (size * math.prod(self.image_shape)), 1) * size
        while True:
            images, labels = self.draw(block, rng)
            for start in range(0, block, size):
                yield images[start : start + size], labels[start : start + size]

    def to_torch(self, *, seed: int = 0, length: int | None = None) -> StreamDataset:
        """The mixture as a `torch.utils.data.IterableDataset`, to train any network on it with PyTorch.

        A sample is an image float32 (ch, h, w) in [0, 1] and a soft label float32 (C,) with sum 1.

        Args:
            seed: seed of the samples; every worker of a `DataLoader` has a random stream of its own.
            length: samples in an epoch; None for an endless dataset.
        """
        from geosearch.nn.torch_dataset import StreamDataset

        return StreamDataset(self, seed=seed, length=length)

    def mix_rows(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """Mix the given reference rows (b,), with weights drawn as in `draw`."""
        return self._mix(draw_weights(self.weights, len(rows), rng), self._picks(rows, rng))

    def map_target(self, target: LabelledSet) -> Mixture:
        """The same mixture of other target images (see `Anchors.map_target`)."""
        return Mixture(self.anchors.map_target(target), self.weights)

    def mix_mean(self, rows: np.ndarray) -> Batch:
        """Mix the given reference rows (b,) with the mean weights, whatever the concentration."""
        return self._mix(np.tile(self.weights.array, (len(rows), 1)), [rows] * len(self.names))

    def _picks(self, rows: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """For each source a random replica of the reference rows, or random rows if the pairing is random."""
        n, size = len(self.anchors.reference), len(rows)
        if self.weights.pairing == "transport":
            return [rows + n * rng.integers(len(source.images) // n, size=size) for source in self.anchors.sources]
        return [rng.integers(len(source.images), size=size) for source in self.anchors.sources]

    def _mix(self, shares: np.ndarray, picks: list[np.ndarray]) -> Batch:
        """shares (b, m), one (b,) array of anchor rows per source -> images (b, ch, h, w), labels (b, C).

        Images are mixed as codes and decoded. A row of a single source (up to float32 precision) is the image of that
        source itself.
        """
        images = np.empty((len(shares), *self.image_shape), dtype=np.float32)
        shares = shares.astype(np.float32)
        mixed = shares.max(axis=1) < 1
        shares[~mixed] = shares[~mixed] == 1
        place = np.cumsum(mixed) - 1  # index of a mixed row among the mixed ones
        codes = np.zeros((int(mixed.sum()), *self.anchors.sources[0].codes.shape[1:]), dtype=np.float32)
        labels = []
        for source, share, pick in zip(self.anchors.sources, shares.T, picks, strict=True):
            block = np.zeros((len(shares), len(source.classes)), dtype=np.float32)
            used = np.flatnonzero(share)
            block[used] = source.labels[pick[used]] * share[used, None]
            labels.append(block)
            some, alone = used[mixed[used]], used[~mixed[used]]
            codes[place[some]] += source.codes[pick[some]] * share[some].reshape(-1, *[1] * (codes.ndim - 1))
            images[alone] = source.images[pick[alone]] * np.float32(1 / 255)
        if len(codes):
            images[mixed] = self.anchors.space.decode(codes)
        return images.transpose(0, 3, 1, 2), np.concatenate(labels, axis=1)


def draw_weights(weights: Weights, size: int, rng: np.random.Generator) -> np.ndarray:
    """Weights per image (size, m): fixed, drawn from Dirichlet(concentration * values), or one source per image."""
    values, concentration = weights.array, weights.concentration
    used = np.flatnonzero(values)
    if math.isinf(concentration) or len(used) == 1:
        return np.tile(values, (size, 1))
    shares = np.zeros((size, len(values)))
    if concentration == 0:
        shares[np.arange(size), rng.choice(len(values), size=size, p=values)] = 1
        return shares
    draws = rng.standard_gamma(concentration * values[used], size=(size, len(used)))
    totals = draws.sum(axis=1, keepdims=True)
    lost = totals[:, 0] < 1e-200  # tiny shapes underflow: the limit is one source per image
    draws[lost] = np.eye(len(used))[rng.choice(len(used), size=int(lost.sum()), p=values[used])]
    shares[:, used] = draws / draws.sum(axis=1, keepdims=True)
    return shares
