"""KnownFeatures: features that were read out beforehand, in the form of a network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from geosearch.errors import InvalidOptionError


class KnownFeatures(nn.Module):
    """A table of the features of images, which is asked like the body of a network: images (b, ch, h, w) -> (b, d).

    It stands for a network that takes something else than the images at hand: one behind another cut, say. It knows no
    other images, and cannot be trained.

    Args:
        images: uint8 (n, h, w, ch).
        features: float32 (n, d), of each.

    >>> images = np.arange(6, dtype=np.uint8).reshape(3, 2, 1, 1)
    >>> body = KnownFeatures(images, np.array([[0.0], [1.0], [2.0]], np.float32))
    >>> body(torch.tensor([4.0, 5.0]).view(1, 1, 2, 1) / 255)
    tensor([[2.]])
    """

    def __init__(self, images: np.ndarray, features: np.ndarray) -> None:
        super().__init__()
        self._rows = {image.tobytes(): row for row, image in enumerate(images)}
        self._features = np.asarray(features, np.float32)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Look images up, float in [0, 1] as networks take them.

        Raises:
            InvalidOptionError: an image that is not in the table.
        """
        asked = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        rows = [self._rows.get(image.tobytes(), -1) for image in asked]
        if -1 in rows:
            raise InvalidOptionError(
                f"{rows.count(-1)} of {len(rows)} images are not among the {len(self._rows)} whose features are known; "
                "images that are changed, as by an augmentation, have to be read out by the network itself"
            )
        return torch.from_numpy(self._features[rows]).to(images.device)
