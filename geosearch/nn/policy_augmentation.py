"""PolicyAugmentation: the automatic augmentations of torchvision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.augmenter import AUGMENTATIONS

_CLASSES = {"trivial": "TrivialAugmentWide", "rand": "RandAugment", "augmix": "AugMix"}


@AUGMENTATIONS.register(
    "augmix",
    "the image blended with three chains of operations (AugMix, Hendrycks et al. 2020)",
    policy="augmix",
)
@AUGMENTATIONS.register("rand", "two random operations at one strength (RandAugment, Cubuk et al. 2020)", policy="rand")
@AUGMENTATIONS.register(
    "trivial", "one random operation at a random strength (TrivialAugment, Müller & Hutter 2021)", policy="trivial"
)
@dataclass(frozen=True)
class PolicyAugmentation:
    """An augmentation of torchvision for every image on its own, then mirroring and change of colors.

    Operations are those of the papers: shears, shifts, rotations, brightness, contrast, saturation, sharpness, fewer
    levels, inverted bright values, equalization. They take images of 256 levels, to which the images are rounded. What
    comes from outside the frame is black.

    Source: Müller & Hutter 2021 (TrivialAugment, wide), Cubuk et al. 2020 (RandAugment), Hendrycks et al. 2020 (AugMix,
    without its consistency loss), as in torchvision, with its defaults.

    Attributes:
        policy: "trivial", "rand" or "augmix".
        flip: as in `Augmentation`.
        recolour: as in `Augmentation`.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import torch
        >>> augmentation = PolicyAugmentation("rand")
        >>> augmentation(torch.rand(4, 1, 8, 8), torch.Generator()).shape
        torch.Size([4, 1, 8, 8])
    """

    policy: Literal["trivial", "rand", "augmix"] = "trivial"
    flip: bool = False
    recolour: float = 0.0

    def __post_init__(self) -> None:
        if self.policy not in _CLASSES:
            raise InvalidOptionError(f"PolicyAugmentation needs policy {', '.join(_CLASSES)}, got {self.policy!r}")
        self._after()  # checks the other options

    @property
    def is_identity(self) -> bool:
        return False

    @property
    def summary(self) -> str:
        return _CLASSES[self.policy]

    def learner(self) -> None:
        """Nothing is learned."""

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Augmenter`."""
        transform, levels = _transform(self.policy), (images.clamp(0, 1) * 255).round().byte()
        number = int(torch.randint(2**62, (), generator=generator))
        with seeds.seeded_globally(number):  # as torchvision draws
            changed = torch.stack([transform(image) for image in levels])
        return self._after()(changed.to(images.dtype) / 255, generator)

    def _after(self) -> Augmentation:
        return Augmentation(0.0, 0.0, 0.0, flip=self.flip, recolour=self.recolour)


@cache
def _transform(policy: str) -> Callable[[torch.Tensor], torch.Tensor]:
    from torchvision.transforms import v2  # here, since it takes a second to import

    made: Callable[[torch.Tensor], torch.Tensor] = getattr(v2, _CLASSES[policy])()
    return made
