"""Pace: what a training costs on this machine, in seconds, measured on a few steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch
from geosearch.nn.train import pretrain, resolve_device

WARM_STEPS, SHORT_STEPS, LONG_STEPS = 2, 3, 23  # steps run before the clock starts, and in the two timed runs


@dataclass(frozen=True)
class Pace:
    """What a training of any length costs.

    Attributes:
        setup_seconds: once per training: building the network, measuring batch normalisation for an average.
        step_seconds: per optimizer step; drawing the mixture comes on top, a few per cent on a CPU.
    """

    setup_seconds: float
    step_seconds: float

    def seconds(self, steps: int) -> float:
        return self.setup_seconds + steps * self.step_seconds


def measure_pace(recipe: Recipe, *, channels: int, size: int, classes: int, device: str = "cpu") -> Pace:
    """Seconds of a training's set-up and of a step, timed on noise with the threads that torch now has.

    Takes about as long as 28 steps; with `recipe.compiled` the compilation comes before the clock starts.
    """
    timed = replace(recipe, steps=0, early_stop=None)
    return _pace(timed, channels, size, classes, str(resolve_device(device)), torch.get_num_threads())


@lru_cache
def _pace(recipe: Recipe, channels: int, size: int, classes: int, device: str, threads: int) -> Pace:
    noise = _Noise(classes, (size, size, channels))

    def seconds(steps: int) -> float:
        start = time.perf_counter()
        pretrain(noise, recipe.scaled(steps), 0, device=device)
        return time.perf_counter() - start

    seconds(WARM_STEPS)
    short, long = seconds(SHORT_STEPS), seconds(LONG_STEPS)
    step = max(long - short, long / 2) / (LONG_STEPS - SHORT_STEPS)  # a hiccup in the short run is no speed
    return Pace(max(short - SHORT_STEPS * step, 0.0), step)


@dataclass(frozen=True)
class _Noise:
    """A mixture that costs nothing to draw: one batch of noise for ever."""

    class_count: int
    image_shape: tuple[int, int, int]

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        height, width, channels = self.image_shape
        images = rng.random((size, channels, height, width), dtype=np.float32)
        labels = np.full((size, self.class_count), 1 / self.class_count, dtype=np.float32)
        while True:
            yield images, labels
