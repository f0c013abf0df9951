"""RotatedClasses: images that are turned by a right angle are of classes of their own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.nn.networks import Network
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, Stream
from geosearch.nn.train import minimize, resolve_device
from geosearch.pretraining.objective import OBJECTIVES

TURNS = 4  # by 0, 90, 180 and 270 degrees


@OBJECTIVES.register(
    "rotated-classes",
    "the cross-entropy over four times the classes: each turned by right angles (MeLa, Wang et al. 2022)",
)
@dataclass(frozen=True)
class RotatedClasses:
    """Pretrain on four times the classes: class j turned by 90 k degrees is a class of its own.

    Every image of a batch is turned by a right angle at random, after the augmentation; a soft label (c) is put among
    the 4 c classes at the place of its turn. The network's head is the part for images as they are.

    Source: Wang et al. 2022 (MeLa), whose second round of pretraining adds turned images as new classes. Ours: soft
    labels. With `domain.label_space = "merged"` the classes are the inferred global labels, as in the paper.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Pool, Recipe, SmallConv, pretrain
        >>> recipe = Recipe(SmallConv(4), steps=2, objective=RotatedClasses())
        >>> pretrain(Pool((geosearch.load("digits"),)), recipe, seed=0).head.out_features
        10
    """

    def train(self, network: Network, mixture: Stream, recipe: Recipe, seed: int, device: str) -> Network:
        """See `Objective.train`.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
        """
        place, classes = resolve_device(device), mixture.class_count
        wide = network.with_head(TURNS * classes, seeds.integer(seed, "rotated classes")).to(place)
        generator = seeds.torch_stream(seed, "pretrain", "augmentation")
        turns = seeds.torch_stream(seed, "pretrain", "turns")

        def loss(batch: Batch) -> torch.Tensor:
            images, labels = (torch.from_numpy(part).to(place) for part in batch)
            which = torch.randint(TURNS, (len(images),), generator=turns).to(place)
            x, y = turn(recipe.augmentation(images, generator), labels, which)
            with autocast(recipe, place):
                scores = wide(x)
            return F.cross_entropy(scores.float(), y, label_smoothing=recipe.label_smoothing)

        minimize(wide, mixture.batches(recipe.batch, seeds.stream(seed, "pretrain", "batches")), loss, recipe)
        return upright(wide, classes)


def turn(images: torch.Tensor, labels: torch.Tensor, which: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn images by right angles, and put their labels at the places of the turns.

    Args:
        images: (n, ch, s, s)
        labels: (n, c)
        which: int64 (n,), how often each image is turned by 90 degrees, 0..3.

    Returns:
        Images (n, ch, s, s) and labels (n, 4 c), class j turned k times at k c + j.

    >>> x, y = turn(torch.arange(4.0).view(1, 1, 2, 2), torch.tensor([[0.25, 0.75]]), torch.tensor([1]))
    >>> x[0, 0].tolist(), y.tolist()
    ([[1.0, 3.0], [0.0, 2.0]], [[0.0, 0.0, 0.25, 0.75, 0.0, 0.0, 0.0, 0.0]])
    """
    turned = torch.empty_like(images)
    for k in range(TURNS):
        turned[which == k] = torch.rot90(images[which == k], k, (2, 3))
    places = F.one_hot(which, TURNS).to(labels.dtype)  # (n, 4)
    return turned, (places[:, :, None] * labels[:, None]).flatten(1)


def upright(network: Network, classes: int) -> Network:
    """The network with the part of its head, in place of all of it, that scores the classes as they are."""
    head = nn.utils.skip_init(nn.Linear, network.head.in_features, classes)
    with torch.no_grad():
        head.weight.copy_(network.head.weight[:classes])
        head.bias.copy_(network.head.bias[:classes])
    network.head = head
    return network.eval()
