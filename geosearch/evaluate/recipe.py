"""Recipe: everything that decides how a network is trained, frozen, with a content key."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

import torch
from torch.nn import functional as F

from geosearch.cache import content_key
from geosearch.errors import InvalidOption
from geosearch.evaluate.network import Architecture, SmallConv

VERSION = 2  # raise when networks or training change, so that the ledger forgets what the old ones scored


@dataclass(frozen=True)
class Augmentation:
    """A random affine map per image and per step.

    Attributes:
        rotate: largest rotation, degrees either way.
        scale: largest relative change of size (0.1: from 0.9 to 1.1).
        translate: largest shift, as a fraction of the frame.
        flip: mirror half of the images left to right; never for digits or letters.
    """

    rotate: float = 10.0
    scale: float = 0.15
    translate: float = 0.1
    flip: bool = False

    def __post_init__(self) -> None:
        if self.rotate < 0 or not 0 <= self.scale < 1 or not 0 <= self.translate < 1:
            raise InvalidOption(f"augmentation out of range: {self}; rotate >= 0, scale and translate in [0, 1)")

    @property
    def is_identity(self) -> bool:
        return not (self.rotate or self.scale or self.translate or self.flip)

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(b, ch, h, w) -> (b, ch, h, w); draws from a CPU `generator` whatever the images' device."""
        if self.is_identity:
            return images
        draws = torch.rand(5, len(images), generator=generator) * 2 - 1  # (5, b) in [-1, 1)
        angle = draws[0] * math.radians(self.rotate)
        zoom = torch.exp(draws[1] * -math.log1p(-self.scale))  # as often smaller as larger
        side = torch.where(draws[4] < 0, -1.0, 1.0) if self.flip else torch.ones(len(images))
        rows = [
            torch.stack([side * zoom * angle.cos(), -zoom * angle.sin(), 2 * self.translate * draws[2]], 1),
            torch.stack([side * zoom * angle.sin(), zoom * angle.cos(), 2 * self.translate * draws[3]], 1),
        ]
        theta = torch.stack(rows, 1).to(images.device)  # (b, 2, 3)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


NO_AUGMENTATION = Augmentation(rotate=0.0, scale=0.0, translate=0.0)


class Schedule(Protocol):
    """Learning rate over a run, as a factor of the recipe's learning rate."""

    def factor(self, step: int, steps: int) -> float:
        """The factor in (0, 1] at `step` of `steps`."""
        ...


@dataclass(frozen=True)
class OneCycle:
    """Linear rise over the first `warmup` of the run, then half a cosine down to almost nothing."""

    warmup: float = 0.2

    def factor(self, step: int, steps: int) -> float:
        position = (step + 1) / (steps + 1)
        if position < self.warmup:
            return max(position / self.warmup, 0.04)
        return max(0.5 * (1 + math.cos(math.pi * (position - self.warmup) / (1 - self.warmup))), 1e-3)


@dataclass(frozen=True)
class Constant:
    """The same learning rate at every step."""

    def factor(self, step: int, steps: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Recipe:
    """How a network is pretrained on a mixture (AdamW on soft-label cross-entropy).

    Attributes:
        network: what is built.
        steps: optimizer steps; 0 leaves the network as initialised.
        batch: images a step.
        learning_rate: peak learning rate; 1e-2 suits `SmallConv`, `VGG` and `ResNet18` want about 2e-3.
        weight_decay: decoupled weight decay.
        label_smoothing: share of each soft label spread evenly over all classes.
        augmentation: random affine map per image and step.
        schedule: learning rate over the run.
    """

    network: Architecture = field(default_factory=SmallConv)
    steps: int = 300
    batch: int = 64
    learning_rate: float = 1e-2
    weight_decay: float = 0.1
    label_smoothing: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=OneCycle)

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch < 2:
            raise InvalidOption(f"recipe needs steps >= 0 and batch >= 2, got {self.steps} and {self.batch}")
        if not self.learning_rate > 0 or self.weight_decay < 0 or not 0 <= self.label_smoothing < 1:
            raise InvalidOption(
                "recipe needs learning_rate > 0, weight_decay >= 0 and label_smoothing in [0, 1), got "
                f"{self.learning_rate}, {self.weight_decay} and {self.label_smoothing}"
            )

    def scaled(self, steps: int) -> Recipe:
        """The same recipe at another length."""
        return replace(self, steps=steps)

    @property
    def facts(self) -> dict[str, Any]:
        """Everything the recipe says, JSON-representable."""
        return facts_of(self)

    @property
    def key(self) -> str:
        """Content key: equal recipes, equal keys."""
        return content_key("recipe", version=VERSION, **self.facts)


def facts_of(option: Any) -> dict[str, Any]:
    """The fields of an option object, nested option objects as dictionaries with their class name."""
    facts: dict[str, Any] = {"type": type(option).__name__}
    for entry in fields(option):
        value = getattr(option, entry.name)
        facts[entry.name] = facts_of(value) if hasattr(value, "__dataclass_fields__") else value
    return facts
