"""Augmenter: the contract of augmentations, learned ones too, and the key of study files that names one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from geosearch.runtime.registry import Choice


class Learner(Protocol):
    """An augmentation that changes while one network is trained with it."""

    @property
    def probabilities(self) -> Mapping[str, Sequence[float]]:
        """Kind of change -> probability of each of its strengths."""
        ...

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Augmenter`."""
        ...

    def learn(self, losses: torch.Tensor) -> None:
        """Learn from the losses (b,) of the images that were changed last; they need no gradient."""
        ...


class Augmenter(Protocol):
    """How training images are changed at random; a frozen dataclass."""

    @property
    def is_identity(self) -> bool:
        """Whether it leaves every image as it is."""
        ...

    @property
    def summary(self) -> str:
        """What it does, in a few words for reports."""
        ...

    def learner(self) -> Learner | None:
        """For a training that is about to begin; None if there is nothing to learn."""
        ...

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Change every image independently; equal generators give equal images.

        Args:
            images: float32 (b, ch, h, w) in [0, 1], with one or three channels, on any device.
            generator: one of the CPU; nothing else is drawn from.
        """
        ...


AUGMENTATIONS: Choice[Augmenter] = Choice(
    "recipe.augmentation",
    default="fixed",
    meaning="How training images are changed at random. All but 'fixed' have ranges of their own in place of "
    "`rotate`, `scale`, `translate` and `crop`, and 'learned' in place of `flip` and `recolour` too.",
    room="geosearch.nn",
)
