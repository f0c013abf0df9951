"""Pace: how long a training takes on this machine, measured on a few steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch
from geosearch.nn.train import pretrain, resolve_device

WARM_STEPS, SHORT_STEPS, LONG_STEPS = 2, 3, 23  # steps of the warm-up and of the two timed runs


@dataclass(frozen=True)
class Pace:
    """The time that trainings of any length take.

    Attributes:
        setup_seconds: per training: building the network, recomputing batch normalization statistics.
        step_seconds: per optimizer step, without drawing the mixture (a few percent on a CPU).

    Example:
        >>> from geosearch.nn import Pace
        >>> Pace(setup_seconds=1.0, step_seconds=0.25).seconds(steps=100)
        26.0
    """

    setup_seconds: float
    step_seconds: float

    def seconds(self, steps: int) -> float:
        """The time of a training of `steps` optimizer steps."""
        return self.setup_seconds + steps * self.step_seconds


def measure_pace(
    recipe: Recipe, *, channels: int, size: int, classes: int, device: str = "cpu", width: int | None = None
) -> Pace:
    """Time `pretrain` on random images, with the current number of threads of torch.

    On one thread of a processor, what else the machine does has no effect (`free_clock`). Takes about as long as 28
    steps; compilation (`recipe.compiled`) is not counted. Measured once per process for recipes that differ in their
    length only. Images are `size` x `width`, square if None.
    """
    timed = replace(recipe, steps=0, early_stop=None)
    return _pace(timed, (size, width or size, channels), classes, str(resolve_device(device)), torch.get_num_threads())


def free_clock(device: str) -> Callable[[], float]:
    """A clock of the seconds that one thread would take on a machine that does nothing else.

    Processor seconds of this process; on a GPU there are none, so seconds.
    """
    return time.process_time if device == "cpu" else time.perf_counter


@lru_cache
def _pace(recipe: Recipe, shape: tuple[int, int, int], classes: int, device: str, threads: int) -> Pace:
    noise = _Noise(classes, shape)
    clock = free_clock(device) if threads == 1 else time.perf_counter

    def seconds(steps: int) -> float:
        start = clock()
        pretrain(noise, recipe.scaled(steps), 0, device=device)
        return clock() - start

    seconds(WARM_STEPS)
    short, long = seconds(SHORT_STEPS), seconds(LONG_STEPS)
    step = max(long - short, long / 2) / (LONG_STEPS - SHORT_STEPS)  # robust against an interruption of the short run
    return Pace(max(short - SHORT_STEPS * step, 0.0), step)


@dataclass(frozen=True)
class _Noise:
    """A stream that repeats one batch of noise."""

    class_count: int
    image_shape: tuple[int, int, int]

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        height, width, channels = self.image_shape
        images = rng.random((size, channels, height, width), dtype=np.float32)
        labels = np.full((size, self.class_count), 1 / self.class_count, dtype=np.float32)
        while True:
            yield images, labels
