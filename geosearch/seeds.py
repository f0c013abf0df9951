"""Named random streams: every random number in geosearch is determined by a seed and the name of a stream."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def integer(seed: int, *names: object) -> int:
    """A 63-bit integer that depends on `seed` and the names only.

    >>> integer(0, "anchors") == integer(0, "anchors"), integer(0, "anchors") == integer(1, "anchors")
    (True, False)
    """
    text = "\x1f".join([str(int(seed)), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def stream(seed: int, *names: object) -> np.random.Generator:
    """A NumPy generator for one named purpose, e.g. ``stream(seed, "anchors", source.name)``."""
    return np.random.default_rng(integer(seed, *names))


def torch_stream(seed: int, *names: object, device: str = "cpu") -> torch.Generator:
    """A PyTorch generator for one named purpose."""
    import torch

    return torch.Generator(device=device).manual_seed(integer(seed, *names))
