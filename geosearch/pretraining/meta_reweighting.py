"""Reweighting by meta-gradient: each sample of a batch counts by what a step on it would do for clean samples."""

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
from geosearch.nn.train import as_tensor, descend, place_of, turns
from geosearch.nn.weight_averaging import norms

Parameters = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Reweighted:
    """A network trained on weighed samples.

    Attributes:
        network: ready for use.
        weights: (n,) what each sample counted on average, 1 being its share in a plain training; a sample with a
            wrong label counts little. NaN for one that no batch held.
    """

    network: Network
    weights: np.ndarray


@dataclass(frozen=True)
class MetaReweight:
    """Learn to reweight: the baseline that the data set derivative is compared with.

    A step that gives sample i the weight e_i changes the loss on a clean batch, at e = 0, by -a <g_clean, g_i> per unit
    of e_i: the product of the two gradients. What is positive of it, scaled to a mean of 1, is the weight of the
    sample in this step. The products come from one forward-mode derivative along g_clean, without second derivatives.

    Source: Ren et al. 2018, alg. 1 (its look-ahead from e = 0 is this product). Ours: AdamW takes the step, and the
    derivative is taken forward.

    Attributes:
        recipe: how the network is trained.
        clean_batch: clean samples a step, at most.
    """

    recipe: Recipe = field(default_factory=lambda: Recipe(network=SmallConv(16)))
    clean_batch: int = 50

    def __post_init__(self) -> None:
        if self.clean_batch < 1:
            raise InvalidOptionError(f"clean_batch must be at least 1, got {self.clean_batch}")

    def train(self, data: LabelledSet, clean: LabelledSet, seed: int, *, device: str = "cpu") -> Reweighted:
        """Train on `data`, some of whose labels may be wrong.

        Args:
            data: n samples.
            clean: samples of the same classes whose labels are right.
            seed: fixes initial weights, batches and augmentation.
            device: as for `pretrain`.

        Raises:
            DomainMismatchError: the two sets differ in classes or image shape.
            TrainingFailedError: the loss stopped being a finite number.
        """
        if data.classes != clean.classes or data.shape != clean.shape:
            raise DomainMismatchError(
                f"clean samples must be of the same classes and image shape; set '{data.name}' has {len(data.classes)} "
                f"classes and images {data.shape}, set '{clean.name}' {len(clean.classes)} and {clean.shape}"
            )
        place, recipe = place_of(device), self.recipe
        network = recipe.network.build(data.shape[2], data.shape[0], len(data.classes), seed).to(place)
        sides = [_Side(one, recipe, seed, part, place) for one, part in ((data, "data"), (clean, "clean"))]
        total, count = np.zeros(len(data)), np.zeros(len(data))

        def loss(rows: tuple[np.ndarray, np.ndarray]) -> torch.Tensor:
            (x, y), (x_clean, y_clean) = (side.batch(part) for side, part in zip(sides, rows, strict=True))
            weights = _weights(network, (x, y), (x_clean, y_clean))
            np.add.at(total, rows[0], weights.cpu().numpy())
            np.add.at(count, rows[0], 1)
            each = F.cross_entropy(network(x), y, label_smoothing=recipe.label_smoothing, reduction="none")
            return (weights * each).mean()

        descend(network, self._rows(len(data), len(clean), seed), loss, recipe)
        with np.errstate(invalid="ignore"):
            return Reweighted(network, total / count)

    def _rows(self, n: int, clean: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return zip(
            turns(n, self.recipe.batch, seeds.stream(seed, "reweight", "data")),
            turns(clean, min(self.clean_batch, clean), seeds.stream(seed, "reweight", "clean")),
            strict=True,
        )


class _Side:
    """One of the two sets, as augmented batches."""

    def __init__(self, data: LabelledSet, recipe: Recipe, seed: int, part: str, place: torch.device) -> None:
        self.images, self.labels = as_tensor(data.images), torch.from_numpy(data.labels)
        self.recipe, self.place = recipe, place
        self.generator = seeds.torch_stream(seed, "reweight", "augmentation", part)

    def batch(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """images (b, ch, h, w), labels (b,)"""
        x = self.recipe.augmentation(self.images[rows].to(self.place), self.generator)
        return x, self.labels[rows].to(self.place)


def _weights(
    network: Network, batch: tuple[torch.Tensor, torch.Tensor], clean: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """(b,) weights of the batch's samples with mean 1, or all 0 if no sample helps."""
    stateless = copy.deepcopy(network)  # normalises by the batch and remembers nothing of the look-ahead
    for norm in norms(stateless):
        norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}

    def losses(at: Parameters, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(functional_call(stateless, at, (images,)), labels, reduction="none")

    direction = grad(lambda at: losses(at, *clean).mean())(parameters)
    products = jvp(lambda at: losses(at, *batch), (parameters,), (direction,))[1]  # (b,) <g_i, g_clean>
    helpful = products.clamp(min=0)
    mean = helpful.mean()
    return helpful / mean if mean > 0 else helpful
