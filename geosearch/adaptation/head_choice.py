"""HeadChoice: a ridge head or one that trains itself on unlabelled images, as cross-validation on the labels says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np

from geosearch.adaptation.cross_validation import can_be_left_out, class_weights, predict_left_out
from geosearch.adaptation.ridge import fit_ridge
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge

RIDGE, SELF_TRAINED = "ridge", "self-train-ridge"
_STANDARD_ERRORS = 0.5  # by which the ridge head has to be better
_ROUNDING = 1e-9  # of sums of weights


@dataclass(frozen=True)
class HeadChoice:
    """The errors of both heads on labels that were left out, and the head that is chosen.

    It is the self-trained one, unless the error of the ridge head is lower by more than half a standard error of the
    difference: few labels tell little, and unlabelled images help on most targets (reports/photographs.md).

    Where the labels are uneven, errors are weighted: a class counts as its number of labels to the power 1 - balance.

    Attributes:
        errors: name -> share of wrong labels, in [0, 1]; empty if no class has two labels.
        standard_error: of their difference, paired over the labels.
        is_weighted: whether classes do not count as their numbers of labels.

    >>> HeadChoice({"ridge": 0.31, "self-train-ridge": 0.33}, standard_error=0.05).name
    'self-train-ridge'
    >>> print(HeadChoice({"ridge": 0.31, "self-train-ridge": 0.4}, standard_error=0.05))
    ridge, chosen by cross-validation on the labels (ridge 31 %, self-train-ridge 40 % wrong)
    """

    errors: Mapping[str, float] = field(default_factory=dict)
    standard_error: float = 0.0
    is_weighted: bool = False

    @classmethod
    def by_cross_validation(
        cls, z: np.ndarray, labels: np.ndarray, u: np.ndarray, classes: int, head: SelfTrainedRidge, seed: int
    ) -> Self:
        """Cross-validate both heads on features.

        Args:
            z: float64 (n, d), features of the labelled images.
            labels: int64 (n,), their classes.
            u: float64 (m, d), features of unlabelled images.
            classes: c, the number of classes.
            head: the self-trained head, with its folds and balance.
            seed: of the assignment to folds.
        """
        judged = can_be_left_out(labels)
        if not judged.any():
            return cls()
        ridge, self_trained = find_errors(z, labels, u, classes, head, seed)[:, judged]
        return cls.from_errors(ridge, self_trained, labels[judged], head.balance)

    @classmethod
    def from_errors(cls, ridge: np.ndarray, self_trained: np.ndarray, labels: np.ndarray, balance: float) -> Self:
        """From whether each head is wrong on each label, bool (n,) or shares of several folds, of labels int64 (n,)."""
        weights = class_weights(labels, balance)
        errors = {RIDGE: np.average(ridge, weights=weights), SELF_TRAINED: np.average(self_trained, weights=weights)}
        return cls(
            {name: float(error) for name, error in errors.items()},
            _standard_error(ridge.astype(float) - self_trained, weights),
            bool(np.ptp(weights) > _ROUNDING),
        )

    @property
    def name(self) -> str:
        """The head that is chosen; the self-trained one where no class has two labels."""
        return self.choose(_STANDARD_ERRORS)

    def choose(self, standard_errors: float) -> str:
        """The head that is chosen if the ridge head has to be better by a number of standard errors."""
        return RIDGE if self._behind > standard_errors * self.standard_error + _ROUNDING else SELF_TRAINED

    @property
    def _behind(self) -> float:
        """Error of the self-trained head minus that of the ridge head."""
        return self.errors[SELF_TRAINED] - self.errors[RIDGE] if self.errors else 0.0

    def __str__(self) -> str:
        """Which, and why."""
        if not self.errors:
            return f"{self.name}, since no class has two labels"
        shares = ", ".join(f"{name} {100 * error:.0f} %" for name, error in self.errors.items())
        weighted = ", weighted by class" if self.is_weighted else ""
        within = "; the difference is within half a standard error" if self._behind > _ROUNDING else ""
        reason = within if self.name == SELF_TRAINED else ""
        return f"{self.name}, chosen by cross-validation on the labels ({shares} wrong{weighted}{reason})"


def find_errors(
    z: np.ndarray, labels: np.ndarray, u: np.ndarray, classes: int, head: SelfTrainedRidge, seed: int
) -> np.ndarray:
    """bool (2, n), whether the ridge and the self-trained head are wrong on each label when a fold leaves it out.

    For the arguments see `HeadChoice.by_cross_validation`. What stands for the single label of a class, which no fold
    leaves out, means nothing; see `can_be_left_out`.
    """

    def ridge(rows: np.ndarray, left_out: np.ndarray) -> np.ndarray:
        fit, scale = fit_ridge(z[rows], labels[rows], classes)
        return fit.predict(z[left_out] * scale)

    self_trained = partial(head.predict_left_out, z, labels, u, classes)
    scores = [predict_left_out(predict, labels, classes, head.folds, seed) for predict in (ridge, self_trained)]
    return np.stack([one.argmax(1) != labels for one in scores])


def _standard_error(differences: np.ndarray, weights: np.ndarray) -> float:
    """Standard error of the weighted mean of differences (n,); 0 of a single one."""
    n, shares = len(differences), weights / weights.sum()
    spread = shares * (differences - shares @ differences)
    return float(np.sqrt(spread @ spread * n / max(n - 1, 1)))
