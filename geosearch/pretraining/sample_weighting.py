"""SampleWeighting: training on noisy labels, the samples of each batch weighed with the help of clean ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError, InvalidDataError, InvalidOptionError
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import as_tensor, shuffled_rows
from geosearch.nn.train import minimize, resolve_device


class Samples(NamedTuple):
    """Augmented samples of a set."""

    images: torch.Tensor  # float32 (b, ch, h, w)
    labels: torch.Tensor  # int64 (b,)
    rows: np.ndarray  # (b,), their places in the set


@dataclass(frozen=True, eq=False)
class ReweightedTraining:
    """A network trained with sample weights, and the mean weights.

    Attributes:
        network: the trained network, in evaluation mode.
        weights: float64 (n,), mean weight of each sample over its batches, relative to a mean of 1 in each batch;
            mislabelled samples have small weights. NaN for a sample that was in no batch.
    """

    network: Network
    weights: np.ndarray


class Weigher(Protocol):
    """What weighs the samples of one training.

    Attributes:
        learner: what learns to weigh them, by the same optimizer as the network; None if nothing does.
    """

    @property
    def learner(self) -> nn.Module | None: ...

    def loss(self, batch: Samples, clean: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a batch that the network and the learner descend, and how much each sample is believed (b,).

        It is also called without gradients, after the last step, where batch statistics are estimated again.
        """
        ...


@dataclass(frozen=True)
class SampleWeighting:
    """Base class of the methods: a training of one network on noisy samples, guided by clean ones.

    Attributes:
        recipe: how to train.
        clean_batch: maximum number of clean samples per step, at least 2 (for batch normalization).
    """

    name: ClassVar[str]  # in content keys

    recipe: Recipe = field(default_factory=lambda: Recipe(network=SmallConv(16)))
    clean_batch: int = 50

    def __post_init__(self) -> None:
        if self.clean_batch < 2:
            raise InvalidOptionError(f"clean_batch must be at least 2, got {self.clean_batch}")

    def weigher(self, network: Network, data: LabelledSet, clean: LabelledSet, seed: int) -> Weigher:
        """What weighs the samples while `network`, new as yet, is trained; arguments as for `train`."""
        raise NotImplementedError

    def train(self, data: LabelledSet, clean: LabelledSet, seed: int, *, device: str = "cpu") -> ReweightedTraining:
        """Train a new network.

        Args:
            data: n samples, some of which may be mislabelled.
            clean: correctly labelled samples with the same classes and image shape.
            seed: seed of the initial weights, the batches and the augmentation.
            device: where to train, as for `pretrain`.

        Raises:
            DomainMismatchError: the two sets differ in classes or image shape.
            InvalidDataError: no sample to weigh, or fewer than two clean ones.
            TrainingFailedError: the loss became NaN or infinite.
        """
        if data.classes != clean.classes or data.shape != clean.shape:
            raise DomainMismatchError(
                f"clean samples must have the same classes and image shape; set '{data.name}' has {len(data.classes)} "
                f"classes and images {data.shape}, set '{clean.name}' {len(clean.classes)} and {clean.shape}"
            )
        if len(data) == 0 or len(clean) < 2:
            raise InvalidDataError(
                f"weighting needs samples to weigh and two clean ones, got {len(data)} and {len(clean)}"
            )
        place, recipe = resolve_device(device), self.recipe
        network = recipe.network.build(data.shape[2], data.shape[0], len(data.classes), seed).to(place)
        weigher = self.weigher(network, data, clean, seed)
        sets = [_AugmentedSet(one, recipe, seed, part, place) for one, part in ((data, "data"), (clean, "clean"))]
        total, count = np.zeros(len(data)), np.zeros(len(data))

        def loss(rows: tuple[np.ndarray, np.ndarray]) -> torch.Tensor:
            batch, few = (one.batch(part) for one, part in zip(sets, rows, strict=True))
            found, weights = weigher.loss(batch, few)
            np.add.at(total, rows[0], weights.detach().cpu().numpy())
            np.add.at(count, rows[0], 1)
            return found

        learned = nn.ModuleList([network] if weigher.learner is None else [network, weigher.learner])
        minimize(learned, self._rows(len(data), len(clean), seed), loss, recipe)
        with np.errstate(invalid="ignore"):
            return ReweightedTraining(recipe.network.after_pretraining(network, data.shape[0]), total / count)

    def _rows(self, n: int, clean: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return zip(
            shuffled_rows(n, self.recipe.batch, seeds.stream(seed, "reweight", "data")),
            shuffled_rows(clean, min(self.clean_batch, clean), seeds.stream(seed, "reweight", "clean")),
            strict=True,
        )


def features_of_both(network: Network, batch: Samples, clean: Samples) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (b, d) and (k, d) of noisy and clean samples in one pass, so that both are normalized alike."""
    features = network.features(torch.cat([batch.images, clean.images]))
    return features[: len(batch.images)], features[len(batch.images) :]


def weighted_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Mean of the cross-entropies (b,), each multiplied by its weight."""
    losses = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    return (weights * losses).mean()


def gradient_only(loss: torch.Tensor) -> torch.Tensor:
    """A loss whose value is 0: what is added to another leaves that one's value as it is."""
    return loss - loss.detach()


def scale_to_mean_one(weights: torch.Tensor) -> torch.Tensor:
    """Weights (b,) >= 0 with mean 1; all 0 if they are."""
    mean = weights.mean()
    return weights / mean if mean > 0 else weights


class _AugmentedSet:
    """A set from which augmented batches are taken."""

    def __init__(self, data: LabelledSet, recipe: Recipe, seed: int, part: str, place: torch.device) -> None:
        self.images, self.labels = as_tensor(data.images), torch.from_numpy(data.labels)
        self.recipe, self.place = recipe, place
        self.generator = seeds.torch_stream(seed, "reweight", "augmentation", part)

    def batch(self, rows: np.ndarray) -> Samples:
        x = self.recipe.augmentation(self.images[rows].to(self.place), self.generator)
        return Samples(x, self.labels[rows].to(self.place), rows)
