"""Condensation: a few learned images per class that train almost as well as many of a mixture."""

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
    """A stream that knows the names of its classes."""

    @property
    def class_names(self) -> Sequence[str]:
        """C names."""
        ...


@dataclass(frozen=True)
class Condensation:
    """Learn images whose mean features agree, class by class, with those of the mixture, in ever new random networks.

    At each step a network with fresh random weights looks at mixture images and learned images of a few classes, all
    moved by one and the same random map; the squared distance between the two means of each class is made smaller.

    Source: Zhao & Bilen 2023 (distribution matching; the siamese map is Zhao & Bilen 2021). Ours: AdamW, a few classes
    a step, both halves normalised together as one batch, and soft labels: an image belongs to the class of its largest
    share, and learned images carry the mean label of their class.

    Attributes:
        per_class: learned images of each class that occurs.
        steps: optimizer steps.
        classes: classes a step, at most.
        real: mixture images of each of them a step, at most.
        learning_rate: peak learning rate, in grey levels of [0, 1].
        network: what is built afresh at every step.
        augmentation: the siamese map.
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
            mixture: what is condensed.
            size: mixture images drawn; all are in memory.
            seed: of the draw, the start, the networks and the maps.
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
        """Endless: the step, the classes looked at, and of each some rows of the mixture."""
        rng, step = seeds.stream(seed, "condense", "steps"), 0
        while True:
            classes = rng.permutation(len(groups))[: self.classes]
            yield step, classes, [rng.permutation(groups[label])[: self.real] for label in classes]
            step += 1

    def _moved(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """All images under one and the same random map."""
        if self.augmentation.is_identity:
            return images
        return self.augmentation.apply(images, self.augmentation.draw_parameters(1, generator).expand(-1, len(images)))


class _Images(nn.Module):
    """Learned images as the parameters of a module."""

    def __init__(self, start: np.ndarray) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.from_numpy(start.copy()))


def group_by_top_label(labels: np.ndarray) -> list[np.ndarray]:
    """Rows of each class that is some row's largest share, in the order of the classes; labels (n, C)."""
    tops = labels.argmax(1)
    return [np.flatnonzero(tops == top) for top in np.unique(tops)]


def sample_rows(groups: list[np.ndarray], count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`count` rows of every group; a group that has fewer gives all of them, again and again."""
    return [np.resize(rng.permutation(rows), count) for rows in groups]
