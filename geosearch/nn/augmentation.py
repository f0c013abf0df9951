"""Augmentation: a random affine map, crop and change of colours of every training image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional as F

from geosearch.errors import InvalidOptionError
from geosearch.nn.augmenter import AUGMENTATIONS, Augmenter
from geosearch.nn.option_facts import added_field


@AUGMENTATIONS.register("fixed", "one affine map, crop and change of colors", key_name="Augmentation")
@dataclass(frozen=True)
class Augmentation:
    """A random affine map, crop and change of colors, independently for each image and step.

    Attributes:
        rotate: largest rotation in degrees, in either direction.
        scale: largest relative change of size (0.1: from 0.9 to 1.1).
        translate: largest shift, as a fraction of the frame.
        flip: mirror half of the images left to right; unsuitable for digits and letters.
        crop: largest fraction of the sides that a crop removes (0.2: squares of 80 to 100 % of the side, anywhere
            in the frame). A crop magnifies, so `scale` can be smaller. Not needed for centered objects such as digits.
        recolour: how far black and white move, independently in each channel: black to at most this value, white to at
            least one minus this value. Above 1/2 they may be swapped. It prepares a network trained on gray sources
            for colored targets, and on light strokes for dark ones: on MNIST-M errors fall from 64-76 % to 34-55 %, on
            CIFAR-10 they rise by 2 to 10 points (reports/transfer/colour.md).

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import torch
        >>> from geosearch.nn import Augmentation
        >>> augmentation = Augmentation(rotate=15, flip=True)
        >>> augmentation(torch.rand(4, 1, 8, 8), torch.Generator()).shape
        torch.Size([4, 1, 8, 8])
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
    def summary(self) -> str:
        return "no augmentation" if self.is_identity else f"rotations up to {self.rotate:.0f}°"

    @property
    def _moves(self) -> bool:
        return bool(self.rotate or self.scale or self.translate or self.flip or self.crop)

    @property
    def ranges(self) -> str:
        """All ranges in words, mirroring left out."""
        parts = [f"rotations up to {self.rotate:.0f}°", f"sizes by {self.scale:.2f}", f"shifts by {self.translate:.2f}"]
        parts += [f"crops by {self.crop:.2f}"] if self.crop else []
        return ", ".join([*parts, *([f"colors by {self.recolour:.2f}"] if self.recolour else [])])

    def learner(self) -> None:
        """Nothing is learned."""

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Augment (b, ch, h, w) images on any device; the generator is one of the CPU."""
        return images if self.is_identity else self.apply(images, self.draw_parameters(len(images), generator))

    def draw_parameters(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Random parameters for `count` images, float32 (k, count) in [-1, 1): 5 for the affine map, 3 for the crop
        and 6 for the colors, the latter two only if they are in use."""
        counts = (5, 3 if self.crop else 0, 6 if self.recolour else 0)
        return torch.cat([torch.rand(k, count, generator=generator) * 2 - 1 for k in counts if k])

    def apply(self, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """Augment (b, ch, h, w) images with parameters (k, b) from `draw_parameters`."""
        if self._moves:
            theta = self._maps(draws).to(images.device)
            grid = F.affine_grid(theta, list(images.shape), align_corners=False)
            images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return self._recoloured(images, draws[-6:].to(images.device)) if self.recolour else images

    def _recoloured(self, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """Map the values of (b, ch, h, w) images in [0, 1] linearly to a new black and a new white."""
        room = self.recolour * (draws.T.reshape(len(images), 2, 3, 1, 1)[:, :, : images.shape[1]] + 1) / 2
        black, white = room[:, 0], 1 - room[:, 1]  # (b, ch, 1, 1)
        return black + (white - black) * images

    def _maps(self, draws: torch.Tensor) -> torch.Tensor:
        """Affine maps (b, 2, 3) from output to input coordinates, the frame being [-1, 1]^2."""
        angle = draws[0] * math.radians(self.rotate)
        zoom = torch.exp(draws[1] * -math.log1p(-self.scale))  # log-uniform: shrinks as often as it magnifies
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


@AUGMENTATIONS.register("searched", "as 'fixed', with ranges that are searched beside the weights of the sources")
class SearchedAugmentation:
    """The ranges of the study file, with which the search begins; its baselines keep them."""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **ranges: Any) -> Augmentation:
        """The fixed ranges."""
        return Augmentation(**ranges)


NO_AUGMENTATION = Augmentation(rotate=0.0, scale=0.0, translate=0.0)


def strengthen(augmentation: Augmenter, factor: float) -> Augmenter:
    """The same kinds of change with ranges that are `factor` times as wide; mirroring and colors stay.

    An augmentation without ranges stays as it is.

    >>> strong = strengthen(Augmentation(rotate=10, scale=0.5), 2)
    >>> strong
    Augmentation(rotate=20, scale=0.9, translate=0.2, flip=False, crop=0.0, recolour=0.0)
    """
    if not isinstance(augmentation, Augmentation):
        return augmentation
    shares = {name: min(factor * getattr(augmentation, name), 0.9) for name in ("scale", "translate", "crop")}
    return replace(augmentation, rotate=min(factor * augmentation.rotate, 180.0), **shares)


def cut_out(images: torch.Tensor, side: float, generator: torch.Generator) -> torch.Tensor:
    """Fill a square at a random place of each image with gray; the square may reach beyond the frame.

    Source: DeVries & Taylor 2017 (Cutout).

    Args:
        images: (b, ch, h, w) in [0, 1], on any device; they are not changed.
        side: of the square, as a fraction of the frame.
        generator: one of the CPU.
    """
    count, _, height, width = images.shape
    centers = torch.rand(2, count, 1, 1, generator=generator).to(images.device)
    rows, columns = (
        (torch.arange(size, device=images.device).add(0.5).div(size) - center.view(count, 1)).abs() < side / 2
        for size, center in zip((height, width), centers, strict=True)
    )  # (b, h) and (b, w)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.5)
