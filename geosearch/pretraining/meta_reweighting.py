"""MetaReweighting: training on noisy labels with sample weights from the gradient on clean samples."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.func import functional_call, grad, jvp
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import as_tensor, shuffled_rows
from geosearch.nn.train import minimize, resolve_device
from geosearch.nn.weight_averaging import batch_norm_layers

Parameters = dict[str, torch.Tensor]


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


@dataclass(frozen=True)
class MetaReweighting:
    """Train a network, weighting the samples of each batch by the alignment of their gradients with clean ones.

    Giving sample i of a batch the weight e_i changes the loss on a clean batch after the step, at e = 0, by
    -a <g_clean, g_i> per unit of e_i, where a is the learning rate and g are gradients of the loss. The positive parts
    of these inner products, scaled to a mean of 1, are the weights. All inner products come from one forward-mode
    derivative along g_clean; no second derivatives are needed.

    Source: Ren et al. 2018, alg. 1, whose look-ahead step from e = 0 gives the same weights. Ours: AdamW takes the
    step, and the derivative is computed in forward mode.

    Attributes:
        recipe: how to train.
        clean_batch: maximum number of clean samples per step.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> noisy, clean = digits.take(range(200)), digits.take(range(200, 300))
        >>> training = MetaReweighting(Recipe(SmallConv(4), steps=5)).train(noisy, clean, seed=0)
        >>> training.weights.shape
        (200,)
    """

    recipe: Recipe = field(default_factory=lambda: Recipe(network=SmallConv(16)))
    clean_batch: int = 50

    def __post_init__(self) -> None:
        if self.clean_batch < 1:
            raise InvalidOptionError(f"clean_batch must be at least 1, got {self.clean_batch}")

    def train(self, data: LabelledSet, clean: LabelledSet, seed: int, *, device: str = "cpu") -> ReweightedTraining:
        """Train a new network.

        Args:
            data: n samples, some of which may be mislabelled.
            clean: correctly labelled samples with the same classes and image shape.
            seed: seed of the initial weights, the batches and the augmentation.
            device: where to train, as for `pretrain`.

        Raises:
            DomainMismatchError: the two sets differ in classes or image shape.
            TrainingFailedError: the loss became NaN or infinite.
        """
        if data.classes != clean.classes or data.shape != clean.shape:
            raise DomainMismatchError(
                f"clean samples must have the same classes and image shape; set '{data.name}' has {len(data.classes)} "
                f"classes and images {data.shape}, set '{clean.name}' {len(clean.classes)} and {clean.shape}"
            )
        place, recipe = resolve_device(device), self.recipe
        network = recipe.network.build(data.shape[2], data.shape[0], len(data.classes), seed).to(place)
        sets = [_AugmentedSet(one, recipe, seed, part, place) for one, part in ((data, "data"), (clean, "clean"))]
        total, count = np.zeros(len(data)), np.zeros(len(data))

        def loss(rows: tuple[np.ndarray, np.ndarray]) -> torch.Tensor:
            (x, y), (x_clean, y_clean) = (one.batch(part) for one, part in zip(sets, rows, strict=True))
            weights = _sample_weights(network, (x, y), (x_clean, y_clean))
            np.add.at(total, rows[0], weights.cpu().numpy())
            np.add.at(count, rows[0], 1)
            losses = F.cross_entropy(network(x), y, label_smoothing=recipe.label_smoothing, reduction="none")
            return (weights * losses).mean()

        minimize(network, self._rows(len(data), len(clean), seed), loss, recipe)
        with np.errstate(invalid="ignore"):
            return ReweightedTraining(network, total / count)

    def _rows(self, n: int, clean: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return zip(
            shuffled_rows(n, self.recipe.batch, seeds.stream(seed, "reweight", "data")),
            shuffled_rows(clean, min(self.clean_batch, clean), seeds.stream(seed, "reweight", "clean")),
            strict=True,
        )


class _AugmentedSet:
    """A set from which augmented batches are taken."""

    def __init__(self, data: LabelledSet, recipe: Recipe, seed: int, part: str, place: torch.device) -> None:
        self.images, self.labels = as_tensor(data.images), torch.from_numpy(data.labels)
        self.recipe, self.place = recipe, place
        self.generator = seeds.torch_stream(seed, "reweight", "augmentation", part)

    def batch(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Images float32 (b, ch, h, w) and labels int64 (b,) of the given rows."""
        x = self.recipe.augmentation(self.images[rows].to(self.place), self.generator)
        return x, self.labels[rows].to(self.place)


def _sample_weights(
    network: Network, batch: tuple[torch.Tensor, torch.Tensor], clean: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Weights (b,) of the samples of a batch, with mean 1; all 0 if no inner product is positive."""
    stateless = copy.deepcopy(network)  # normalizes by the batch and keeps no running statistics of the look-ahead
    for norm in batch_norm_layers(stateless):
        norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}

    def losses(at: Parameters, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(functional_call(stateless, at, (images,)), labels, reduction="none")

    direction = grad(lambda at: losses(at, *clean).mean())(parameters)
    products = jvp(lambda at: losses(at, *batch), (parameters,), (direction,))[1]  # (b,) <g_i, g_clean>
    helpful = products.clamp(min=0)
    mean = helpful.mean()
    return helpful / mean if mean > 0 else helpful
