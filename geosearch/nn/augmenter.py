"""Augmenter: the contract of augmentations, and the key of study files that names one."""

from __future__ import annotations

from typing import Protocol

import torch

from geosearch.runtime.registry import Choice


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
    meaning="How training images are changed at random. Those of torchvision have ranges of their own in place of "
    "`rotate`, `scale`, `translate` and `crop`; `flip` and `recolour` follow.",
    room="geosearch.nn",
)
