"""Trainings on the shots that treat heads by themselves: the new head alone, and old and new head on one body."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import Batch, Stream, descend, in_precision, place_of, shot_batches


def train_head(network: Network, shots: LabelledSet, recipe: Recipe, seed: int, *, device: str = "cpu") -> Network:
    """Train a new linear head on a copy of `network` whose body stays as it is, on the augmented shots.

    The body runs as it will when used: its batch normalisation takes the statistics of its own training.
    Of `recipe` everything counts but its network and `compiled`.
    """
    place = place_of(device)
    twin = network.with_head(len(shots.classes), seed).to(place).eval()
    generator = seeds.torch_stream(seed, "linear-probe", "augmentation")

    def loss(batch: Batch) -> torch.Tensor:
        images, labels = batch
        x = recipe.augmentation(torch.from_numpy(images).to(place), generator)
        with torch.no_grad(), in_precision(recipe, place):
            z = twin.features(x)  # (b, d)
        y = torch.from_numpy(labels).to(place)
        return F.cross_entropy(twin.head(z.float()), y, label_smoothing=recipe.label_smoothing)

    descend(twin.head, shot_batches(shots, recipe.batch, seeds.stream(seed, "linear-probe", "batches")), loss, recipe)
    return twin.cpu()


def rehearse(
    network: Network,
    shots: LabelledSet,
    mixture: Stream,
    recipe: Recipe,
    seed: int,
    *,
    share: float,
    device: str = "cpu",
) -> Network:
    """Fine-tune every layer on the augmented shots while the old head goes on learning the mixture.

    At each step a batch of shots and one of the mixture pass the body together, so that batch normalisation sees
    in training the blend that its statistics describe afterwards; the mean cross-entropies of the two heads are
    weighed 1 - share to share. Of `recipe` everything counts but its network and `compiled`; the label smoothing
    is for the shots.

    Source: Robins 1995 (rehearsal of what was learned before).

    Raises:
        DomainMismatchError: the network's head was not trained on this mixture, or its images have another shape.
    """
    if mixture.class_count != network.head.out_features or mixture.image_shape != shots.shape:
        raise DomainMismatchError(
            f"rehearsal needs the mixture that the network was pretrained on: {network.head.out_features} classes, "
            f"images {shots.shape}; got {mixture.class_count} classes, images {mixture.image_shape}"
        )
    place = place_of(device)
    new = network.with_head(len(shots.classes), seed).to(place)
    old_head = copy.deepcopy(network.head).to(place)
    generators = [seeds.torch_stream(seed, "rehearsal", "augmentation", part) for part in ("shots", "mixture")]
    batches = zip(
        shot_batches(shots, recipe.batch, seeds.stream(seed, "rehearsal", "shots")),
        mixture.batches(recipe.batch, seeds.stream(seed, "rehearsal", "mixture")),
        strict=True,
    )

    def loss(pair: tuple[Batch, Batch]) -> torch.Tensor:
        images = [
            recipe.augmentation(torch.from_numpy(x).to(place), generator)
            for (x, _), generator in zip(pair, generators, strict=True)
        ]
        of_shots, of_mixture = (torch.from_numpy(y).to(place) for _, y in pair)
        with in_precision(recipe, place):
            z = new.features(torch.cat(images)).float()  # (2 b, d)
        tuned, kept = new.head(z[: recipe.batch]), old_head(z[recipe.batch :])
        task = F.cross_entropy(tuned, of_shots, label_smoothing=recipe.label_smoothing)
        return (1 - share) * task + share * F.cross_entropy(kept, of_mixture)

    descend(nn.ModuleList([new, old_head]), batches, loss, recipe)
    return new
