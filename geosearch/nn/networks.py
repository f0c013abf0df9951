"""Networks, and the option objects that build them."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.runtime.registry import Choice, name_of, setting

SMALLEST_SIZE = 8  # pixels; three poolings need that many


class Network(nn.Module):
    """A body that maps images to features, and a linear head that maps features to logits.

    Attributes:
        body: images float32 (b, ch, h, w) in [0, 1] -> features (b, d).
        head: features (b, d) -> logits (b, c).
        treats_images_alone: whether an image has the same features in any batch, also in training; not so with
            batch normalization or dropout.
        learned_augmentation: the probabilities that were learned in its last training; None if none were.

    Example:
        >>> import torch
        >>> from geosearch.nn import SmallConv
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> network(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    treats_images_alone: ClassVar[bool] = False

    def __init__(self, body: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.learned_augmentation: Mapping[str, Sequence[float]] | None = None

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Penultimate features: (b, ch, h, w) -> (b, d)."""
        return self.body((images - 0.5) * 2.0)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits: (b, ch, h, w) -> (b, c)."""
        return self.head(self.features(images))

    @property
    def fingerprint(self) -> str:
        """A hexadecimal digest of all weights and running statistics; equal networks give equal fingerprints."""
        digest = hashlib.blake2b(digest_size=10)
        for name, tensor in self.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def with_head(self, classes: int, seed: int) -> Network:
        """A copy with the same body and a new head for `classes` classes; this network is not changed."""
        twin = copy.deepcopy(self)
        twin.head = nn.utils.skip_init(nn.Linear, self.head.in_features, classes)
        _initialise(twin.head, seeds.torch_stream(seed, "head"))
        return twin.to(self.head.weight.device)


class Architecture(Protocol):
    """The contract of network options."""

    @property
    def is_pretrained(self) -> bool:
        """Whether a new network has learned something already."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """All options, JSON-representable."""
        ...

    def build(self, channels: int, size: int, classes: int, seed: int) -> Network:
        """A new network for `channels` x `size` x `size` images; equal seeds give equal weights.

        Raises:
            InvalidOptionError: images of less than 8 pixels, or an option out of range.
        """
        ...

    def after_pretraining(self, network: Network, size: int) -> Network:
        """What is adapted of a network that was built for images of `size` pixels, and then pretrained."""
        ...


NETWORKS: Choice[Architecture] = Choice(
    "recipe.network", default="small-conv", meaning="The network that is trained.", room="geosearch.nn"
)


@dataclass(frozen=True)
class _Option:
    is_pretrained: ClassVar[bool] = False

    @property
    def facts(self) -> dict[str, Any]:
        return {"architecture": name_of(type(self)), **asdict(self)}  # type: ignore[call-overload]

    def after_pretraining(self, network: Network, size: int) -> Network:
        return network


@NETWORKS.register("small-conv", "three small convolutions")
@dataclass(frozen=True)
class SmallConv(_Option):
    """Three convolutions with batch normalization and pooling; the default, milliseconds per step on one core.

    The features are the last maps, averaged over the four quarters of the frame: on five targets, coarse positions
    helped a frozen head more than a deeper network of the same cost.

    Attributes:
        width: channels of the second convolution; the first has half as many, the last 4 times; d = 16 width.

    Example:
        >>> import torch
        >>> from geosearch.nn import SmallConv
        >>> SmallConv(4).build(channels=1, size=8, classes=10, seed=0).features(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 64])
    """

    width: int = setting(
        32,
        "width",
        "Channels of the middle convolution (small-conv): half as many first, four times last.",
        ge=4,
        le=4096,
    )

    def build(self, channels: int, size: int, classes: int, seed: int) -> Network:
        _check(size, self.width)
        layers: list[nn.Module] = []
        inputs = channels
        for outputs in (max(1, self.width // 2), self.width, 4 * self.width):
            convolution, *rest = _convolution(inputs, outputs)
            # pooling before normalization: a quarter of the elementwise work, almost the same maxima
            layers += [convolution, nn.MaxPool2d(2), *rest]
            inputs = outputs
        if size // 8 != 2:  # at 16 px the maps are four quarters already
            layers.append(nn.AdaptiveAvgPool2d(2))
        return _seeded(nn.Sequential(*layers, nn.Flatten()), 4 * inputs, classes, seed)


@NETWORKS.register("vgg", "a small VGG")
@dataclass(frozen=True)
class VGG(_Option):
    """A VGG-like network with 64 to 512 channels.

    Source: Fan & Alvarez-Melis 2023, app. C (VGG-5-like; the exact widths are ours).

    Example:
        >>> from geosearch.nn import VGG
        >>> VGG(width=4).build(channels=3, size=16, classes=10, seed=0).head
        Linear(in_features=32, out_features=10, bias=True)
    """

    width: int = 64

    def build(self, channels: int, size: int, classes: int, seed: int) -> Network:
        _check(size, self.width)
        layers: list[nn.Module] = []
        inputs = channels
        for factor, repeats in ((1, 1), (2, 1), (4, 2), (8, 2)):
            for _ in range(repeats):
                layers += _convolution(inputs, inputs := factor * self.width)
            if factor < 8:
                layers.append(nn.MaxPool2d(2))
        return _seeded(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), inputs, classes, seed)


@NETWORKS.register("resnet18", "ResNet-18 for small images")
@dataclass(frozen=True)
class ResNet18(_Option):
    """torchvision's ResNet-18, randomly initialized; up to 64 px its stem is a 3x3 convolution without pooling.

    Example:
        >>> from geosearch.nn import ResNet18
        >>> ResNet18().build(channels=1, size=32, classes=10, seed=0).head
        Linear(in_features=512, out_features=10, bias=True)
    """

    def build(self, channels: int, size: int, classes: int, seed: int) -> Network:
        from torchvision.models import resnet18

        _check(size, 1)
        with seeds.seeded_globally(seed):  # as torchvision initializes, before all weights are drawn anew
            body = resnet18(weights=None)
            if size <= 64:
                body.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
                body.maxpool = nn.Identity()
            else:
                body.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
            body.fc = nn.Identity()
        return _seeded(body, 512, classes, seed)


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.utils.skip_init(nn.Conv2d, inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _seeded(body: nn.Module, dims: int, classes: int, seed: int) -> Network:
    network = Network(body, nn.utils.skip_init(nn.Linear, dims, classes))
    generator = seeds.torch_stream(seed, "network")
    for module in network.modules():
        _initialise(module, generator)
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    """He initialization from a given generator; the global one is not touched."""
    with torch.no_grad():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
        elif isinstance(module, nn.Linear):
            bound = 1.0 / math.sqrt(module.in_features)
            module.weight.uniform_(-bound, bound, generator=generator)
            module.bias.zero_()


def _check(size: int, width: int) -> None:
    if size < SMALLEST_SIZE:
        raise InvalidOptionError(f"images of {size} px are too small for a network; use at least {SMALLEST_SIZE}")
    if width < 1:
        raise InvalidOptionError(f"network width must be at least 1, got {width}")
