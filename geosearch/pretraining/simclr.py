"""SimCLR: contrastive pretraining on images without labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import Augmentation, strengthen
from geosearch.nn.augmenter import Augmenter
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import as_tensor, shuffled_rows
from geosearch.nn.train import minimize, resolve_device

CROP = 0.3  # least of the crops that views are taken from; SimCLR learns little without crops


@dataclass(frozen=True)
class SimCLR:
    """Train a network to tell which two augmented views are of the same image; no label is used.

    Source: Chen et al. 2020 (NT-Xent). Ours: AdamW in place of LARS, batches of the recipe's size, and as views the
    recipe's augmentation with twice the ranges and random crops.

    Attributes:
        recipe: how to train; a step takes `batch` images, two views of each. Label smoothing is ignored.
        temperature: of the loss.
        projection: dimensions of the space in which views are compared; the projection is dropped after the training.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Recipe, SmallConv
        >>> images = geosearch.UnlabelledSet.of(geosearch.load("digits"))
        >>> network = SimCLR(Recipe(SmallConv(4), steps=5)).train(images, seed=0)
        >>> network.head.in_features
        64
    """

    recipe: Recipe = field(default_factory=lambda: Recipe(network=SmallConv(16)))
    temperature: float = 0.5
    projection: int = 64

    def __post_init__(self) -> None:
        if not self.temperature > 0 or self.projection < 1:
            raise InvalidOptionError(
                f"SimCLR needs temperature > 0 and projection >= 1, got {self.temperature} and {self.projection}"
            )

    @property
    def views(self) -> Augmenter:
        """The augmentation of which every image gets two draws."""
        strong = strengthen(self.recipe.augmentation, 2.0)
        return replace(strong, crop=max(strong.crop, CROP)) if isinstance(strong, Augmentation) else strong

    def train(self, data: UnlabelledSet, seed: int, *, device: str = "cpu") -> Network:
        """Train a new network; its head is untrained, and any adaptation replaces it.

        Args:
            data: images of the target.
            seed: seed of the initial weights, the batches and the views.
            device: where to train, as for `pretrain`.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
        """
        place, (height, _, channels) = resolve_device(device), data.shape
        network = self.recipe.network.build(channels, height, 1, seed).to(place)
        projector = _projector(network.head.in_features, self.projection, seed).to(place)
        images, views = as_tensor(data.images), self.views
        generator = seeds.torch_stream(seed, "simclr", "views")

        def loss(rows: np.ndarray) -> torch.Tensor:
            x = images[rows].to(place)
            both = torch.cat([views(x, generator), views(x, generator)])
            with autocast(self.recipe, place):
                z = projector(network.features(both))
            return nt_xent(z.float(), self.temperature)

        batches = shuffled_rows(len(images), self.recipe.batch, seeds.stream(seed, "simclr", "batches"))
        minimize(nn.ModuleList([network.body, projector]), batches, loss, self.recipe)
        return self.recipe.network.after_pretraining(network.cpu().eval(), height)


def nt_xent(z: torch.Tensor, temperature: float) -> torch.Tensor:
    """The normalized, temperature-scaled cross-entropy: which of the other 2 b - 1 views is of the same image?

    Source: Chen et al. 2020, eq. 1.

    Args:
        z: (2 b, d); rows i and b + i are the views of image i.
        temperature: divides the cosine similarities.

    >>> z = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> bool(nt_xent(torch.cat([z, z]), 0.1) < nt_xent(torch.cat([z, z.flip(0)]), 0.1))
    True
    """
    unit = F.normalize(z, dim=1)
    similarity = unit @ unit.T / temperature  # (2 b, 2 b)
    similarity = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
    partner = torch.arange(len(z), device=z.device).roll(len(z) // 2)
    return F.cross_entropy(similarity, partner)


def _projector(inputs: int, outputs: int, seed: int) -> nn.Sequential:
    """Two layers, with weights from a generator of their own."""
    layers = [nn.utils.skip_init(nn.Linear, inputs, inputs), nn.utils.skip_init(nn.Linear, inputs, outputs)]
    generator = seeds.torch_stream(seed, "simclr", "projection")
    with torch.no_grad():
        for layer in layers:
            layer.weight.normal_(0.0, (2.0 / inputs) ** 0.5, generator=generator)
            layer.bias.zero_()
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])
