"""Transformations of images, every image by strengths of its own; differentiable."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch.nn import functional as F

LARGEST: Mapping[str, float] = {  # kind -> largest strength, in either direction
    "rotate": math.pi,  # radians
    "shear": 1.0,  # slope
    "scale": math.log(2),  # of the factor
    "translate": 0.5,  # of the frame
    "flip": 1.0,
    "brightness": 0.5,
    "contrast": math.log(4),  # of the factor
    "recolour": 1.0,
}


def transform(
    images: torch.Tensor, strengths: Mapping[str, torch.Tensor], direction: torch.Tensor, colors: torch.Tensor
) -> torch.Tensor:
    """Change the geometry and the colors of images; at strength 0 of all kinds they stay as they are.

    Args:
        images: (b, ch, h, w) in [0, 1].
        strengths: kind -> (b,), positive or negative, as `LARGEST` has them; any but 0 mirrors (flip).
        direction: (b,) of the shift, in radians.
        colors: (b, 2, ch) in [0, 1]: how much of the strength of `recolour` black and white move in every channel.
    """
    theta = affine_maps(strengths, direction)
    moved = F.grid_sample(
        images,
        F.affine_grid(theta, list(images.shape), align_corners=False),
        padding_mode="border",
        align_corners=False,
    )
    room = strengths["recolour"].abs()[:, None, None] * colors  # (b, 2, ch)
    black, white = room[:, 0, :, None, None], 1 - room[:, 1, :, None, None]
    recoloured = black + (white - black) * moved
    gain, offset = strengths["contrast"].exp()[:, None, None, None], strengths["brightness"][:, None, None, None]
    mean = recoloured.mean((1, 2, 3), keepdim=True)
    return ((recoloured - mean) * gain + mean + offset).clamp(0, 1)


def affine_maps(strengths: Mapping[str, torch.Tensor], direction: torch.Tensor) -> torch.Tensor:
    """Affine maps (b, 2, 3) from output to input coordinates, the frame being [-1, 1]^2; arguments as above."""
    angle, zoom = strengths["rotate"], strengths["scale"].exp()
    side = torch.where(strengths["flip"] == 0, 1.0, -1.0)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)], 1)
    slope = strengths["shear"]
    skew = torch.stack(
        [torch.stack([side, slope], 1), torch.stack([torch.zeros_like(slope), torch.ones_like(slope)], 1)], 1
    )
    shift = 2 * strengths["translate"][:, None] * torch.stack([direction.cos(), direction.sin()], 1)
    return torch.cat([zoom[:, None, None] * (turn @ skew), shift[:, :, None]], 2)
