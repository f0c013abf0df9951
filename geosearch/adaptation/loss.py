"""Losses for labels whose classes are not equally frequent: scores are scaled and shifted by class in the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from geosearch.errors import InvalidOptionError
from geosearch.runtime.registry import Choice, setting


@dataclass(frozen=True, eq=False)
class VectorScaling:
    """What stands for the scores f in a cross-entropy: scales_y f_y + offsets_y.

    Source: Kini et al. 2021 (vector-scaling loss).

    Attributes:
        scales: (c,) positive.
        offsets: (c,)

    Example:
        >>> VectorScaling.of(np.array([0.5, 0.5]), tau=1.0, gamma=0.3)(torch.tensor([[1.0, 2.0]]))
        tensor([[1., 2.]])
    """

    scales: torch.Tensor
    offsets: torch.Tensor

    @classmethod
    def of(cls, frequencies: np.ndarray, tau: float, gamma: float) -> VectorScaling:
        """offsets_y = tau log(p_y / max p) and scales_y = (p_y / max p)^gamma; no change where all p are equal.

        Args:
            frequencies: (c,) p; a class without labels counts like the rarest one that has some.
            tau: of the offsets.
            gamma: of the scales.
        """
        logarithms = torch.from_numpy(log_frequencies(frequencies).astype(np.float32))
        return cls((gamma * logarithms).exp(), tau * logarithms)

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores (b, c) as the loss takes them."""
        return scores * self.scales.to(scores.device) + self.offsets.to(scores.device)


class Loss(Protocol):
    """How a loss makes up for classes that are not equally frequent among the labels."""

    @property
    def powers(self) -> tuple[float, ...]:
        """For a squared error: powers of 1 / frequency that labels may be weighted with, 0 for equal weights."""
        ...

    def scaling(self, features: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> VectorScaling:
        """For a cross-entropy: from frozen features (n, d) and labels (n,)."""
        ...


LOSSES: Choice[Loss] = Choice(
    "recipe.loss",
    default=None,
    meaning="How adaptations make up for labels of uneven classes (ridge, linear-probe, fine-tune, regularized); not "
    "at all if left out. Their validation errors are then means over classes.",
    room="geosearch.adaptation",
)


@LOSSES.register(
    "logit-adjusted",
    "logarithms of the class frequencies added to the scores in training (Menon et al. 2021)",
)
@dataclass(frozen=True)
class LogitAdjustment:
    """Add tau log p_y to the scores in the training, p the class frequencies; predictions do without.

    At tau = 1 the scores approach those of equally frequent classes. A ridge regression has no such scores: its labels
    are weighted by p^-tau, under which the squared error is least at the probabilities of equally frequent classes.

    Source: Menon et al. 2021 (logit-adjusted softmax cross-entropy). The ridge regression is ours.

    Attributes:
        tau: strength; 0 for no adjustment.

    Example:
        >>> LogitAdjustment().scaling(np.zeros((4, 2)), np.array([0, 0, 0, 1]), classes=2, seed=0).offsets
        tensor([ 0.0000, -1.0986])
    """

    tau: float = setting(1.0, "logit_adjustment", "Strength of the adjustment (logit-adjusted).", ge=0)

    def __post_init__(self) -> None:
        if not 0 <= self.tau < np.inf:
            raise InvalidOptionError(f"LogitAdjustment needs tau >= 0, got {self.tau}")

    @property
    def powers(self) -> tuple[float, ...]:
        """That of the adjustment."""
        return (self.tau,)

    def scaling(self, features: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> VectorScaling:
        """Offsets tau log p_y; `features` and `seed` have no effect."""
        return VectorScaling.of(class_frequencies(labels, classes), self.tau, 0.0)


def class_frequencies(labels: np.ndarray, classes: int) -> np.ndarray:
    """(c,) shares of the labels."""
    return np.bincount(labels, minlength=classes) / max(len(labels), 1)


def log_frequencies(frequencies: np.ndarray) -> np.ndarray:
    """(c,) log(p / max p); a class without labels counts like the rarest one that has some.

    >>> log_frequencies(np.array([0.5, 0.5, 0.0]))
    array([0., 0., 0.])
    """
    least = frequencies[frequencies > 0].min()
    return np.asarray(np.log(np.maximum(frequencies, least) / frequencies.max()))


def is_uneven(labels: np.ndarray) -> bool:
    """Whether the classes that occur have different numbers of labels.

    >>> is_uneven(np.array([0, 0, 2, 2])), is_uneven(np.array([0, 0, 1]))
    (False, True)
    """
    counts = np.bincount(labels)
    return bool(np.ptp(counts[counts > 0]) > 0)
