"""Augmentation: a random affine map, crop and change of colours of every training image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from geosearch.errors import InvalidOptionError
from geosearch.nn.option_facts import added_field


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
        return images if self.is_identity else self.apply(images, self.draw_parameters(len(images), generator))

    def draw_parameters(self, count: int, generator: torch.Generator) -> torch.Tensor:
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
