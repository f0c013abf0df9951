"""Recipe: everything that decides how a network is trained, frozen, with a content key."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

import torch
from torch.nn import functional as F

from geosearch.errors import InvalidOptionError
from geosearch.nn.early_stopping import EarlyStop
from geosearch.nn.networks import Architecture, SmallConv
from geosearch.nn.weight_averaging import Averaging
from geosearch.runtime.cache import content_key

VERSION = 2  # raise when networks or training change, so that the cache forgets what the old ones scored


def added_field(default: Any) -> Any:
    """A field younger than kept results: at its default it is left out of the facts, and old keys stay."""
    return field(default=default, metadata={"later": True})


@dataclass(frozen=True)
class Augmentation:
    """A random affine map, a random crop brought back to size, and random colours, per image and per step.

    Attributes:
        rotate: largest rotation, degrees either way.
        scale: largest relative change of size (0.1: from 0.9 to 1.1).
        translate: largest shift, as a fraction of the frame.
        flip: mirror half of the images left to right; never for digits or letters.
        crop: largest share of the sides that a crop leaves out (0.2: squares of 80 to 100 % of the side, anywhere
            in the frame); it magnifies, so scale can be less. Needless for objects that are centred, as digits are.
        recolour: how far black and white may move, channel by channel, each to a value of its own: black to at most
            this, white to at least one minus this. From 1/2 on they may trade places. It lets grey sources train for
            coloured images, light on dark for dark on light: on MNIST-M errors fall from 64-76 % to 34-55 %, on
            CIFAR-10 they rise by 2 to 10 points (reports/transfer/colour.md).
    """

    rotate: float = 10.0
    scale: float = 0.15
    translate: float = 0.1
    flip: bool = False
    crop: float = added_field(0.0)
    recolour: float = added_field(0.0)

    def __post_init__(self) -> None:
        shares = (self.scale, self.translate, self.crop)
        if self.rotate < 0 or not all(0 <= share < 1 for share in shares) or not 0 <= self.recolour <= 1:
            raise InvalidOptionError(
                f"augmentation out of range: {self}; rotate >= 0, scale, translate and crop in [0, 1), "
                "recolour in [0, 1]"
            )

    @property
    def is_identity(self) -> bool:
        return not (self._moves or self.recolour)

    @property
    def _moves(self) -> bool:
        return bool(self.rotate or self.scale or self.translate or self.flip or self.crop)

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(b, ch, h, w) -> (b, ch, h, w); draws from a CPU `generator` whatever the images' device."""
        return images if self.is_identity else self.apply(images, self.draws(len(images), generator))

    def draws(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """The random numbers for `count` images, float32 (k, count) in [-1, 1): 5 of the affine map, 3 of a crop if
        there is one, 6 of new colours if there are any."""
        counts = (5, 3 if self.crop else 0, 6 if self.recolour else 0)
        return torch.cat([torch.rand(k, count, generator=generator) * 2 - 1 for k in counts if k])

    def apply(self, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """(b, ch, h, w) -> (b, ch, h, w), by draws for b images."""
        if self._moves:
            theta = self._maps(draws).to(images.device)
            grid = F.affine_grid(theta, list(images.shape), align_corners=False)
            images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return self._recoloured(images, draws[-6:].to(images.device)) if self.recolour else images

    def _recoloured(self, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """(b, ch, h, w) in [0, 1] -> the same, with values moved linearly between a new black and a new white."""
        room = self.recolour * (draws.T.reshape(len(images), 2, 3, 1, 1)[:, :, : images.shape[1]] + 1) / 2
        black, white = room[:, 0], 1 - room[:, 1]  # (b, ch, 1, 1)
        return black + (white - black) * images

    def _maps(self, draws: torch.Tensor) -> torch.Tensor:
        """Maps (b, 2, 3) from places in the new images to places in the given ones, the frame being [-1, 1]^2."""
        angle = draws[0] * math.radians(self.rotate)
        zoom = torch.exp(draws[1] * -math.log1p(-self.scale))  # as often smaller as larger
        side = torch.where(draws[4] < 0, -1.0, 1.0) if self.flip else torch.ones(draws.shape[1])
        rows = [
            torch.stack([side * zoom * angle.cos(), -zoom * angle.sin(), 2 * self.translate * draws[2]], 1),
            torch.stack([side * zoom * angle.sin(), zoom * angle.cos(), 2 * self.translate * draws[3]], 1),
        ]
        theta = torch.stack(rows, 1)  # (b, 2, 3)
        if self.crop:
            left_out = self.crop * (draws[5] + 1) / 2  # (b,), share of the side
            centre = (left_out * draws[6:8]).T[:, :, None]  # (b, 2, 1), so that the crop stays in the frame
            linear = theta[:, :, :2]
            theta = torch.cat([linear * (1 - left_out)[:, None, None], theta[:, :, 2:] + linear @ centre], 2)
        return theta


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
        augmentation: random affine map and crop per image and step.
        schedule: learning rate over the run.
        averaging: which average of the weights the training ends with, with the statistics of batch normalisation
            measured anew for it; None: the weights of the last step. Measured on KMNIST and Fashion-MNIST, 120 steps,
            3 seeds: `OneCycle` comes to rest by itself and gains nothing (30 % error on held-out images, 32 % with a
            tail average, 35 % with an exponential one); `Constant` with a tail average has 28 %.
        early_stop: when to end before the last step; None: never.
        precision: "float32", or "bfloat16" for the products inside the network (autocast). Measured at 28 px, one
            core with avx512_bf16: `VGG` 1.5 times as fast (245 -> 158 ms a step), `SmallConv` 1.3 to 1.6 times
            (20 -> 13 ms), `SmallConv(8)` no faster; expect nothing of a processor without such instructions.
        compiled: let torch.compile make one program of the network. Measured on one core, `SmallConv` at 28 px: no
            faster (17 ms a step either way), after half a minute of compilation per process; meant for GPUs.
    """

    network: Architecture = field(default_factory=SmallConv)
    steps: int = 300
    batch: int = 64
    learning_rate: float = 1e-2
    weight_decay: float = 0.1
    label_smoothing: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=OneCycle)
    averaging: Averaging | None = added_field(None)
    early_stop: EarlyStop | None = added_field(None)
    precision: Literal["float32", "bfloat16"] = added_field("float32")
    compiled: bool = added_field(False)

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch < 2:
            raise InvalidOptionError(f"recipe needs steps >= 0 and batch >= 2, got {self.steps} and {self.batch}")
        if not self.learning_rate > 0 or self.weight_decay < 0 or not 0 <= self.label_smoothing < 1:
            raise InvalidOptionError(
                "recipe needs learning_rate > 0, weight_decay >= 0 and label_smoothing in [0, 1), got "
                f"{self.learning_rate}, {self.weight_decay} and {self.label_smoothing}"
            )
        if self.precision not in ("float32", "bfloat16"):
            raise InvalidOptionError(f"recipe needs precision 'float32' or 'bfloat16', got {self.precision!r}")

    def scaled(self, steps: int) -> Recipe:
        """The same recipe at another length."""
        return replace(self, steps=steps)

    @property
    def facts(self) -> dict[str, Any]:
        """Everything the recipe says, JSON-representable; see `facts_of` for what goes without saying."""
        return facts_of(self)

    @property
    def key(self) -> str:
        """Content key: equal recipes, equal keys."""
        return content_key("recipe", version=VERSION, **self.facts)


def facts_of(option: Any) -> dict[str, Any]:
    """The fields of an option object, nested option objects as dictionaries with their class name.

    Fields that came later (`later`) are left out at their default.
    """
    facts: dict[str, Any] = {"type": type(option).__name__}
    for entry in fields(option):
        value = getattr(option, entry.name)
        if "later" in entry.metadata and value == entry.default:
            continue
        facts[entry.name] = facts_of(value) if hasattr(value, "__dataclass_fields__") else value
    return facts
