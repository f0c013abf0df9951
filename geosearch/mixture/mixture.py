"""Mixture: an endless stream of images and soft labels, at a point of the hull."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidWeightsError
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.weights import Weights
from geosearch.runtime.cache import content_key

Batch = tuple[np.ndarray, np.ndarray]
if TYPE_CHECKING:
    from geosearch.nn.torch_dataset import StreamDataset

_RANDOM_NUMBERS = 3  # version of what is drawn from equal generators
_BLOCK_VALUES = 2**19  # pixels drawn at once by `Mixture.batches`: large enough to hide NumPy's call overhead


@dataclass(frozen=True, eq=False)
class Mixture:
    """The mixture rho_a = (sum_i a_i T_i)# Q of sources along their transport maps T_i from the target Q.

    Row k has the image sum_i w_i T_i(x_k) and, as its label, the blocks w_i * softlabel_i(x_k) over the disjoint union
    of the classes of the sources; w is a, or drawn for each image (see `Weights`). Pooling, Mixup and single sources
    belong to the same family. Images are made when they are drawn. Source: Fan & Alvarez-Melis 2023, sec. 4.

    Equal generators give two mixtures of the same anchors the same random numbers: equal reference rows, equal
    replicas, and weights of the images that differ little where the mixtures do.

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
        """Of the labels of `batches`: 'source/class', or what `Anchors.label_space` calls them."""
        return self.anchors.class_names

    @property
    def class_count(self) -> int:
        """k, the number of labels of `batches`; C, the sum of the sources' numbers of classes, if none are merged."""
        return len(self.class_names)

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
            version=_RANDOM_NUMBERS,
        )

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw images float32 (size, ch, h, w) in [0, 1] with soft labels float32 (size, C)."""
        streams = DrawStreams.of(rng)
        rows = streams.rows.integers(len(self.anchors.reference), size=size)
        return self._mix(draw_weights(self.weights, size, streams.shares), self.picks(rows, streams.replicas))

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless random batches: images float32 (size, ch, h, w) in [0, 1], soft labels float32 (size, k)."""
        block = max(_BLOCK_VALUES // (size * math.prod(self.image_shape)), 1) * size
        while True:
            images, labels = self.draw(block, rng)
            for start in range(0, block, size):
                yield images[start : start + size], self.anchors.merge_labels(labels[start : start + size])

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
        streams = DrawStreams.of(rng)
        return self._mix(draw_weights(self.weights, len(rows), streams.shares), self.picks(rows, streams.replicas))

    def map_target(self, target: LabelledSet) -> Mixture:
        """The same mixture of other target images (see `Anchors.map_target`)."""
        return Mixture(self.anchors.map_target(target), self.weights)

    def mix_mean(self, rows: np.ndarray) -> Batch:
        """Mix the given reference rows (b,) with the mean weights, whatever the concentration."""
        return self._mix(np.tile(self.weights.array, (len(rows), 1)), [rows] * len(self.names))

    def picks(self, rows: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
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


class DrawStreams(NamedTuple):
    """Random streams of one draw, one per purpose: how much is drawn from one of them changes none of the others."""

    shares: np.random.Generator
    rows: np.random.Generator
    replicas: np.random.Generator

    @classmethod
    def of(cls, rng: np.random.Generator) -> DrawStreams:
        """Streams that depend on the state of `rng`, which is advanced by one integer."""
        seed = int(rng.integers(2**63))
        return cls(*(seeds.stream(seed, name) for name in cls._fields))


def draw_weights(weights: Weights, size: int, rng: np.random.Generator) -> np.ndarray:
    """Weights per image (size, m): fixed, drawn from Dirichlet(concentration * values), or one source per image.

    Weights are gamma variates divided by their sum, computed as logarithms, because tiny shapes underflow. Log G(k) is
    log G(k + 1) + log(U) / k. At concentration 0 only the largest log(U) / k remains, which is the weight of source i
    with probability values[i]. All uniforms and normals are drawn at once, whatever the weights, so that mixtures have
    them in common.
    """
    values, concentration = weights.array, weights.concentration
    used = np.flatnonzero(values)
    if math.isinf(concentration) or len(used) == 1:
        return np.tile(values, (size, 1))
    shares = np.zeros((size, len(values)))
    races = np.log1p(-rng.random((size, len(values))))[:, used] / values[used]  # log(U) / values, U in (0, 1]
    if concentration == 0:
        shares[np.arange(size), used[races.argmax(axis=1)]] = 1
        return shares
    logs = _log_gamma_variates(1 + concentration * values, size, rng)[:, used] + races / concentration
    draws = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares[:, used] = draws / draws.sum(axis=1, keepdims=True)
    return shares


def _log_gamma_variates(shapes: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Logarithms (size, m) of gamma variates of shapes (m,) >= 1, near for near shapes and equal generators.

    Source: Marsaglia & Tsang 2000. Its loop ends after one proposal, of which 95 % or more are accepted; the others are
    drawn anew by NumPy, which has no such proposals in common.
    """
    normals, uniforms = rng.standard_normal((size, len(shapes))), rng.random((size, len(shapes)))
    d = shapes - 1 / 3
    cubes = np.maximum(1 + normals / np.sqrt(9 * d), 1e-100) ** 3
    logs = np.log(cubes)
    refused = np.log1p(-uniforms) >= normals**2 / 2 + d * (1 - cubes + logs)
    found = np.log(d) + logs
    found[refused] = np.log(rng.standard_gamma(np.broadcast_to(shapes, found.shape)[refused]))
    return found
