"""Evaluations in the cache, shared by all studies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geosearch.runtime.cache import Cache


@dataclass(frozen=True)
class PathPoint:
    """The errors of one network between the pretrained weights and the trained ones.

    Attributes:
        coefficient: 0 = the pretrained weights, 1 = the trained ones.
        squared_error, top1_error: as in `Evaluation`.
        deviation: standard error of the squared error minus that of the first point of the path, paired.
    """

    coefficient: float
    squared_error: float
    top1_error: float
    deviation: float


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one training run.

    Attributes:
        key: content key of everything that the outcome depends on (mixture, recipe, adaptation, seed).
        squared_error: mean squared distance of predicted from one-hot labels; smaller is better.
        top1_error: share of wrong classes, in [0, 1].
        wall_seconds: of training and evaluation.
        note: a sentence if something was unusual, else empty.
        interpolation: the coefficient of the network that the errors are of; None if it is the trained one as it is.
        path: the errors at every coefficient that was scored.
    """

    key: str
    squared_error: float
    top1_error: float
    wall_seconds: float
    note: str = ""
    interpolation: float | None = None
    path: tuple[PathPoint, ...] = ()

    def error_at(self, coefficient: float | None) -> float:
        """The squared error at a coefficient of the path; that of the evaluation for None."""
        known = {point.coefficient: point.squared_error for point in self.path}
        return self.squared_error if coefficient is None else known[coefficient]


_NUMBERS = ("squared_error", "top1_error", "wall_seconds")  # what is kept


def get_or_evaluate(cache: Cache, key: str, evaluate: Callable[[], Evaluation]) -> Evaluation:
    """The evaluation that the cache holds under `key`; evaluated and stored first if there is none.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = Cache(Path(folder))
    ...     first = get_or_evaluate(cache, "a" * 20, lambda: Evaluation("a" * 20, 0.25, 0.5, wall_seconds=60.0))
    ...     get_or_evaluate(cache, "a" * 20, lambda: 1 / 0) == first  # read, not evaluated
    True

    Raises:
        StorageError, NewerFormatError: as `Cache.arrays`.
    """

    def numbers() -> dict[str, np.ndarray]:
        evaluation = evaluate()
        return {name: np.array([getattr(evaluation, name)], np.float64) for name in _NUMBERS}

    arrays = cache.arrays("evaluation", key, numbers)
    squared_error, top1_error, wall_seconds = (float(arrays[name][0]) for name in _NUMBERS)
    return Evaluation(key, squared_error, top1_error, wall_seconds)
