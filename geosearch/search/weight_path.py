"""WeightPath: the errors of networks between the pretrained weights and the trained ones, and which one is taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from geosearch.adaptation.base import Score
from geosearch.nn.interpolation import interpolate
from geosearch.nn.networks import Network
from geosearch.runtime.result_cache import Evaluation, PathPoint


@dataclass(frozen=True, eq=False)
class WeightPath:
    """Errors at k coefficients (WiSE-FT, Wortsman et al. 2022), on the same n images or episodes.

    Attributes:
        coefficients: (k,) in [0, 1], ascending; 0 = the pretrained weights, 1 = the trained ones.
        losses: float64 (k, n), squared errors; each is the mean of a row.
        top1_errors: float64 (k,), in [0, 1].
        wall_seconds: of training and scoring.
        farther: whether, within the noise, the larger coefficient is taken and not the smaller one.

    >>> losses = np.array([[0.6, 0.4], [0.3, 0.3], [0.2, 0.5]])
    >>> path = WeightPath((0.0, 0.5, 1.0), losses, np.array([0.4, 0.2, 0.3]), wall_seconds=1.0)
    >>> path.coefficients[path.chosen]
    0.5
    """

    coefficients: tuple[float, ...]
    losses: np.ndarray
    top1_errors: np.ndarray
    wall_seconds: float
    farther: bool = False

    @classmethod
    def measure(
        cls,
        start: Network,
        train: Callable[[], Network],
        coefficients: Sequence[float],
        score: Callable[[Network], Score],
    ) -> WeightPath:
        """Train once, and score the network at every coefficient.

        Args:
            start: with the pretrained weights.
            train: gives the trained network.
            coefficients: (k,) in [0, 1].
            score: of a network; the losses of all networks are in the same order.

        Raises:
            TrainingFailedError: as `train` and `score`.
        """
        begin = time.perf_counter()
        trained = train()
        scores = [score(interpolate(start, trained, coefficient)) for coefficient in coefficients]
        return cls.of_scores(coefficients, scores, time.perf_counter() - begin)

    @classmethod
    def of_scores(
        cls, coefficients: Sequence[float], scores: Sequence[Score], wall_seconds: float = 0.0, *, farther: bool = False
    ) -> WeightPath:
        """Of networks that were scored before.

        Args:
            coefficients: (k,) in [0, 1], ascending.
            scores: (k,), whose losses are in the same order.
            wall_seconds: of training and scoring.
            farther: as for the class.
        """
        losses = np.array([one.losses or (one.squared_error,) for one in scores])
        return cls(tuple(coefficients), losses, np.array([one.top1_error for one in scores]), wall_seconds, farther)

    @property
    def squared_errors(self) -> np.ndarray:
        """float64 (k,)"""
        return np.asarray(self.losses.mean(1))

    @property
    def without_first(self) -> WeightPath:
        """The same without its first coefficient."""
        rest = {"coefficients": self.coefficients[1:], "losses": self.losses[1:], "top1_errors": self.top1_errors[1:]}
        return replace(self, **rest)  # type: ignore[arg-type]

    @property
    def chosen(self) -> int:
        """Place of the coefficient that is taken: the smallest whose error is within one standard error of the least.

        The standard error is that of the paired difference. Few labels see little of what lies between two
        coefficients, and the smaller one does less harm; where the pretrained features are kept beside the trained
        ones, the larger one does none and gains more (`farther`; both in reports/photographs.md).

        Source: the one-standard-error rule (Breiman et al. 1984).
        """
        least = int(np.argmin(self.squared_errors))
        behind = self.squared_errors - self.squared_errors[least]
        near = np.flatnonzero(behind <= _standard_errors(self.losses - self.losses[least]))
        return int(near[-1 if self.farther else 0])

    @property
    def points(self) -> tuple[PathPoint, ...]:
        """The errors, and the standard errors of their differences from the first."""
        deviations = _standard_errors(self.losses - self.losses[0])
        columns = (self.squared_errors, self.top1_errors, deviations)
        numbers = zip(*(column.tolist() for column in columns), strict=True)
        return tuple(PathPoint(one, *rest) for one, rest in zip(self.coefficients, numbers, strict=True))

    def evaluation(self, key: str) -> Evaluation:
        """The evaluation at the coefficient that is taken."""
        point = self.points[self.chosen]
        return Evaluation(
            key,
            point.squared_error,
            point.top1_error,
            self.wall_seconds,
            interpolation=point.coefficient,
            path=self.points,
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """As the cache keeps it."""
        return {"losses": self.losses, "top1_errors": self.top1_errors, "wall_seconds": np.array([self.wall_seconds])}

    @classmethod
    def from_arrays(
        cls, coefficients: Sequence[float], kept: Mapping[str, np.ndarray], *, farther: bool = False
    ) -> WeightPath:
        """The inverse of `arrays`."""
        losses, errors = np.array(kept["losses"]), np.array(kept["top1_errors"])
        return cls(tuple(coefficients), losses, errors, float(kept["wall_seconds"][0]), farther)


def path_place(coefficient: float) -> str:
    """Where a network is on its path, in words.

    >>> path_place(0.25)
    'lambda 0.25, between the pretrained weights (0) and the trained ones (1)'
    """
    return f"lambda {coefficient:g}, between the pretrained weights (0) and the trained ones (1)"


def _standard_errors(differences: np.ndarray) -> np.ndarray:
    """Standard errors (k,) of the means of rows (k, n); 0 for a single column."""
    n = differences.shape[1]
    return np.asarray(differences.std(1, ddof=1) / np.sqrt(n)) if n > 1 else np.zeros(len(differences))
