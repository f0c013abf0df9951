"""Condensation: a mixture distilled into a few learned images per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.networks import Architecture, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import FixedSet, Stream, draw_images
from geosearch.nn.train import minimize, resolve_device


class NamedStream(Stream, Protocol):
    """A stream with class names."""

    @property
    def class_names(self) -> Sequence[str]:
        """C names."""
        ...


@dataclass(frozen=True)
class Condensation:
    """Learn images whose mean features agree, class by class, with those of the mixture in random networks.

    Each step minimizes, for a few classes, the squared distance between the mean features of mixture images and of
    learned images in a newly initialized network, after the same random augmentation of all images.

    Source: Zhao & Bilen 2023 (distribution matching), with the siamese augmentation of Zhao & Bilen 2021. Different
    here: AdamW, a few classes per step, a common batch normalization, and soft labels: an image belongs to the class
    of its largest entry, and learned images have the mean label of their class.

    Attributes:
        per_class: learned images per class that occurs.
        steps: optimizer steps.
        classes: classes per step, at most.
        real: mixture images per class and step, at most.
        learning_rate: peak learning rate; pixel values lie in [0, 1].
        network: the network that is newly initialized at every step.
        augmentation: the siamese augmentation.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.mixture import Condensation
        >>> from geosearch.nn import Pool, SmallConv
        >>> pool = Pool((geosearch.load("digits"),))
        >>> fixed = Condensation(per_class=2, steps=2, network=SmallConv(4)).learn(pool, size=200, seed=0)
        >>> fixed.images.shape, fixed.labels.shape
        ((20, 1, 8, 8), (20, 10))
    """

    per_class: int = 10
    steps: int = 400
    classes: int = 10
    real: int = 32
    learning_rate: float = 0.02
    network: Architecture = field(default_factory=lambda: SmallConv(16))
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if min(self.per_class, self.steps, self.classes, self.real) < 1:
            raise InvalidOptionError(
                "Condensation needs at least 1 image per class, step, class and mixture image a step, got "
                f"{self.per_class}, {self.steps}, {self.classes} and {self.real}"
            )

    def learn(self, mixture: NamedStream, size: int, seed: int, *, device: str = "cpu") -> FixedSet:
        """Condense the first `size` images of a mixture; equal arguments give equal images on the same machine.

        Args:
            mixture: the stream to distill.
            size: number of images drawn from the mixture, all held in memory.
            seed: seed of the drawn images, the initial images, the networks and the augmentation.
            device: as for `pretrain`.
        """
        pool = draw_images(mixture, size, seeds.stream(seed, "condense", "draw"))
        groups = group_by_top_label(pool[1])
        start = sample_rows(groups, self.per_class, seeds.stream(seed, "condense", "start"))
        learned = self._descend(pool[0], groups, pool[0][np.concatenate(start)], seed, resolve_device(device))
        means = np.stack([pool[1][rows].mean(0) for rows in groups])
        return FixedSet(
            learned, np.repeat(means, self.per_class, axis=0).astype(np.float32), tuple(mixture.class_names)
        )

    def _descend(
        self, real: np.ndarray, groups: list[np.ndarray], start: np.ndarray, seed: int, place: torch.device
    ) -> np.ndarray:
        learned = _Images(start).to(place)
        channels, height = start.shape[1:3]
        generator = seeds.torch_stream(seed, "condense", "augmentation")
        rows = np.arange(len(start)).reshape(len(groups), self.per_class)

        def loss(draw: tuple[int, np.ndarray, list[np.ndarray]]) -> torch.Tensor:
            step, classes, real_rows = draw
            network = self.network.build(channels, height, 1, seeds.integer(seed, "condense", step)).to(place)
            ours = [learned.pixels[rows[label]] for label in classes]
            theirs = [torch.from_numpy(real[chosen]).to(place) for chosen in real_rows]
            images = torch.cat([*ours, *theirs])
            moved = self._moved(images, generator)
            means = [part.mean(0) for part in network.features(moved).split([len(part) for part in (*ours, *theirs)])]
            gaps = [a - b for a, b in zip(means[: len(ours)], means[len(ours) :], strict=True)]
            return torch.stack([(gap**2).sum() for gap in gaps]).sum()

        recipe = Recipe(steps=self.steps, learning_rate=self.learning_rate, weight_decay=0.0)
        minimize(learned, self._draws(groups, seed), loss, recipe)
        return learned.pixels.detach().clamp(0, 1).numpy()

    def _draws(self, groups: list[np.ndarray], seed: int) -> Iterator[tuple[int, np.ndarray, list[np.ndarray]]]:
        """Endless: the step, its classes, and rows of the mixture for each of them."""
        rng, step = seeds.stream(seed, "condense", "steps"), 0
        while True:
            classes = rng.permutation(len(groups))[: self.classes]
            yield step, classes, [rng.permutation(groups[label])[: self.real] for label in classes]
            step += 1

    def _moved(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """All images under the same random augmentation."""
        if self.augmentation.is_identity:
            return images
        return self.augmentation.apply(images, self.augmentation.draw_parameters(1, generator).expand(-1, len(images)))


class _Images(nn.Module):
    """Learned images as the parameters of a module."""

    def __init__(self, start: np.ndarray) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.from_numpy(start.copy()))


def group_by_top_label(labels: np.ndarray) -> list[np.ndarray]:
    """Group the rows of soft labels (n, C) by their largest entry, in the order of the classes; no empty groups."""
    tops = labels.argmax(1)
    return [np.flatnonzero(tops == top) for top in np.unique(tops)]


def sample_rows(groups: list[np.ndarray], count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw `count` rows of every group; smaller groups are repeated."""
    return [np.resize(rng.permutation(rows), count) for rows in groups]
