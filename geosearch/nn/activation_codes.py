"""ActivationCodes: activations as uint8 arrays in the shape of images, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

_TAIL = 0.001  # share of a channel's values beyond each end of its range
_SEEN = 2000  # images of each set that the range is fitted to


@dataclass(frozen=True)
class ActivationCodes:
    """A range for every channel of activations, divided into 256 levels.

    Activations in this form are images as far as mixtures, maps and streams are concerned: a mean of codes is the code
    of the mean, since the range of a channel is the same for all sets.

    Attributes:
        shape: of the activations of one image: (ch, h, w), (h, w, ch) or (tokens, ch), or (d,).
        low: least value of each channel.
        high: greatest value of each channel.

    Example:
        >>> import numpy as np
        >>> from geosearch.nn import ActivationCodes
        >>> activations = np.random.default_rng(0).normal(size=(50, 6, 4, 4)).astype(np.float16)
        >>> codes = ActivationCodes.fit([activations])
        >>> codes.encode(activations).shape, codes.image_shape
        ((50, 4, 4, 6), (4, 4, 6))
    """

    shape: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, sets: Sequence[np.ndarray]) -> ActivationCodes:
        """The range of the activations (n, *shape) of several sets, without the most extreme thousandth."""
        shape = sets[0].shape[1:]
        ends = []
        for activations in sets:
            rows = np.linspace(0, len(activations) - 1, min(len(activations), _SEEN), dtype=np.int64)
            images = _as_images(np.asarray(activations[rows], np.float32), shape)
            ends.append(np.quantile(images.reshape(-1, images.shape[3]), [_TAIL, 1 - _TAIL], axis=0))
        low, high = np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]
        return cls(shape, tuple(low.tolist()), tuple(np.maximum(high, low + 1e-6).tolist()))

    @classmethod
    def blank(cls, shape: tuple[int, ...]) -> ActivationCodes:
        """A range from 0 to 1, for activations that do not matter."""
        channels = _as_images(np.zeros((1, *shape), np.float32), shape).shape[3]
        return cls(shape, (0.0,) * channels, (1.0,) * channels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch) of the codes of one image."""
        h, w, ch = _as_images(np.zeros((1, *self.shape), np.bool_), self.shape).shape[1:]
        return h, w, ch

    def encode(self, activations: np.ndarray) -> np.ndarray:
        """float (n, *shape) -> uint8 (n, h, w, ch)"""
        out = np.empty((len(activations), *self.image_shape), np.uint8)
        low, high = (np.array(end, np.float32) for end in (self.low, self.high))
        for start in range(0, len(out), _SEEN):
            images = _as_images(np.asarray(activations[start : start + _SEEN], np.float32), self.shape)
            out[start : start + _SEEN] = np.rint(((images - low) * (255 / (high - low))).clip(0, 255))
        return out

    def decode(self, images: torch.Tensor) -> torch.Tensor:
        """Codes as images, float (b, ch, h, w) in [0, 1] -> activations (b, *shape)."""
        low, high = (images.new_tensor(end).view(1, -1, 1, 1) for end in (self.low, self.high))
        activations = images * (high - low) + low
        if len(self.shape) == 3 and not _is_channels_last(self.shape):
            return activations
        return activations.permute(0, 2, 3, 1).reshape(len(images), *self.shape)


def _as_images(activations: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(n, *shape) -> (n, h, w, ch)"""
    if len(shape) == 3:
        return activations if _is_channels_last(shape) else activations.transpose(0, 2, 3, 1)
    return activations.reshape(len(activations), math.prod(shape[:-1]), 1, shape[-1])


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether it is (h, w, ch), as in a Swin transformer; maps of square images are square."""
    return shape[0] == shape[1] != shape[2]
