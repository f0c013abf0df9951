"""The two networks of a neural map: an image-to-image network per class, and the potential it is trained against."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds

_STRIDE = 8  # the coarsest maps see the image at an eighth of its size


class MapNetwork(nn.Module):
    """G: a small U-Net, conditioned on the class of its input; the identity before training.

    The finest maps have half the image's resolution (each holds 2 x 2 pixels as channels), which makes a step four
    times cheaper. Every block is scaled and shifted per class (FiLM, Perez et al. 2018), and the coarsest maps get a
    learned map per class. Without normalisation layers an image is mapped the same way in every batch.

    Args:
        shape: (h, w, ch) of the images, h and w at least 8.
        classes: number of classes of the inputs.
        width: channels of the finest maps; twice as many in the coarser ones.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int) -> None:
        super().__init__()
        height, breadth, channels = shape
        self.bottom = (-(-height // _STRIDE), -(-breadth // _STRIDE))
        self.first = _convolution(4 * channels, width)
        self.fine = _Block(width, classes)
        self.down = _convolution(width, 2 * width, stride=2)
        self.middle = _Block(2 * width, classes)
        self.down2 = _convolution(2 * width, 2 * width, stride=2)
        self.coarse = nn.ModuleList([_Block(2 * width, classes), _Block(2 * width, classes)])
        self.class_maps = nn.utils.skip_init(nn.Embedding, classes, 2 * width * self.bottom[0] * self.bottom[1])
        self.up2 = _convolution(2 * width, 8 * width)
        self.middle2 = _Block(2 * width, classes)
        self.up = _convolution(2 * width, 4 * width)
        self.fine2 = _Block(width, classes)
        self.last = _convolution(width, 4 * channels)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Images (b, ch, h, w) in [0, 1] of classes (b,) -> images of the same shape, in [0, 1]."""
        x = F.leaky_relu(self.first(_folded(images)), 0.2)  # (b, width, h / 2, w / 2)
        fine = self.fine(x, labels)
        middle = self.middle(self.down(fine), labels)
        x = self.down2(middle)
        x = x + self.class_maps(labels).view(x.shape)
        for block in self.coarse:
            x = block(x, labels)
        x = self.middle2(middle + F.pixel_shuffle(self.up2(x), 2), labels)
        x = self.fine2(fine + F.pixel_shuffle(self.up(x), 2), labels)
        change = F.pixel_shuffle(self.last(x), 2)[..., : images.shape[2], : images.shape[3]]
        return _Clamped.apply(images + change)


class PotentialNetwork(nn.Module):
    """f(x, y) = <phi(x), W y> + w(x), linear in the soft label y (Miyato & Koyama 2018).

    Args:
        shape: (h, w, ch) of the images.
        classes: number of classes of the source.
        width: channels of the finest maps; 2 and 4 times as many in the coarser ones, 8 times in phi.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int) -> None:
        super().__init__()
        height, breadth, channels = shape
        places = -(-height // _STRIDE) * -(-breadth // _STRIDE)
        slope = nn.LeakyReLU(0.2)
        self.body = nn.Sequential(
            _convolution(4 * channels, width),
            slope,
            _convolution(width, 2 * width, stride=2),
            slope,
            _convolution(2 * width, 2 * width),
            slope,
            _convolution(2 * width, 4 * width, stride=2),
            slope,
            nn.Flatten(),
            nn.utils.skip_init(nn.Linear, 4 * width * places, 8 * width),
            slope,
        )
        self.by_class = nn.utils.skip_init(nn.Linear, classes, 8 * width)
        self.alone = nn.utils.skip_init(nn.Linear, 8 * width, 1)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Images (b, ch, h, w) with soft labels (b, c) -> potentials (b,)."""
        phi = self.body(_folded(images))  # (b, 8 width)
        return (phi * self.by_class(labels)).sum(1) + self.alone(phi)[:, 0]


def build(
    shape: tuple[int, int, int], classes: tuple[int, int], widths: tuple[int, int], seed: int
) -> tuple[MapNetwork, PotentialNetwork]:
    """Both networks; equal seeds give equal weights, and the global generator is not touched.

    Args:
        shape: (h, w, ch) of the images.
        classes: of the target (the map's) and of the source (the potential's).
        widths: of the map and of the potential.
        seed: fixes the weights.
    """
    map_network, potential = MapNetwork(shape, classes[0], widths[0]), PotentialNetwork(shape, classes[1], widths[1])
    generator = seeds.torch_stream(seed, "neural-map", "weights")
    for module in (*map_network.modules(), *potential.modules()):
        _initialise(module, generator)
    with torch.no_grad():
        for weight in (*map_network.last.parameters(), potential.alone.weight):
            weight.zero_()
        potential.by_class.weight.mul_(0.1)
    form = {"memory_format": torch.channels_last}  # half the time of a step on a processor
    return map_network.to(**form), potential.to(**form)  # type: ignore[call-overload]


class _Block(nn.Module):
    """A residual block of two convolutions, scaled and shifted per class in between."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.one = _convolution(channels, channels)
        self.two = _convolution(channels, channels)
        self.film = nn.utils.skip_init(nn.Embedding, classes, 2 * channels)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(b, channels, h, w), classes (b,) -> (b, channels, h, w)"""
        scale, shift = self.film(labels)[:, :, None, None].chunk(2, 1)
        inner = self.one(F.leaky_relu(x, 0.2)) * (1 + scale) + shift
        return x + self.two(F.leaky_relu(inner, 0.2))


class _Clamped(torch.autograd.Function):
    """Clamp to [0, 1] whose gradient still pulls back what has left the interval."""

    @staticmethod
    def forward(ctx: Any, raw: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(raw)
        return raw.clamp(0.0, 1.0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        (raw,) = ctx.saved_tensors
        outward = ((raw < 0) & (gradient > 0)) | ((raw > 1) & (gradient < 0))
        return gradient.masked_fill(outward, 0.0)


def _folded(images: torch.Tensor) -> torch.Tensor:
    """(b, ch, h, w) in [0, 1] -> (b, 4 ch, h' / 2, w' / 2) around zero; h', w' the next multiples of the stride."""
    height, breadth = images.shape[2:]
    padded = F.pad(images, (0, -breadth % _STRIDE, 0, -height % _STRIDE))
    return F.pixel_unshuffle((padded - 0.5) * 2.0, 2)


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.utils.skip_init(nn.Conv2d, inputs, outputs, 3, stride=stride, padding=1)


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0.0, math.sqrt(2.0 / (1.04 * fan_in)), generator=generator)
            module.bias.zero_()  # type: ignore[union-attr]
        elif isinstance(module, nn.Embedding):
            module.weight.normal_(0.0, 0.1, generator=generator)
        elif isinstance(module, _Block):
            module.two.weight.mul_(0.5)
