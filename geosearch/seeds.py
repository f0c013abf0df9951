"""Named random streams: every random number in geosearch is determined by a seed and the name of a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_global_generator = RLock()


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


@contextmanager
def seeded_globally(number: int) -> Iterator[None]:
    """A context for libraries that draw from PyTorch's global generator of the CPU: it starts at `number`, and goes on
    after the context as if nothing had been drawn. Other threads wait to enter.

    >>> import torch
    >>> with seeded_globally(3):
    ...     first = torch.rand(2)
    >>> with seeded_globally(3):
    ...     bool((torch.rand(2) == first).all())
    True
    """
    import torch

    with _global_generator, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(number)
        yield
