"""Automatic: a ridge head or one that trains itself on unlabelled images, as cross-validation on the labels says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geosearch.adaptation.base import ADAPTATIONS, Adaptation, AdaptationOptions, Predictor, Score, facts_with_images
from geosearch.adaptation.cross_validation import can_be_left_out, cross_validate
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.streams import Stream

AUTOMATIC, RIDGE, SELF_TRAINED = "auto", "ridge", "self-train-ridge"
_FOLDS = 5


@ADAPTATIONS.register(AUTOMATIC, "ridge or self-train-ridge, chosen by cross-validation on the labels")
@dataclass(frozen=True, eq=False)
class Automatic(AdaptationOptions):
    """The head of fewer wrong labels in a cross-validation; measured in reports/photographs.md.

    A study with a test part chooses once, on its pretrained network as it is, so that all rows of its confirmation have
    the same. Where the labels judge, each row of each fold chooses without those that judge. Its error in a search is
    that of the ridge head.

    Attributes:
        unlabelled, balance: as in `SelfTrainedRidge`.

    Raises:
        InvalidOptionError: `balance` is out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> adaptation = Automatic(geosearch.UnlabelledSet.of(digits.take(range(50, 250))))
        >>> sorted(adaptation.errors(network, digits.take(range(50)), seed=0))
        ['ridge', 'self-train-ridge']
    """

    unlabelled: UnlabelledSet | None = None
    balance: float = 0.5

    def __post_init__(self) -> None:
        SelfTrainedRidge(balance=self.balance)  # checks it

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent; the images by their fingerprint."""
        return facts_with_images(self, self.unlabelled)

    @property
    def heads(self) -> dict[str, Adaptation]:
        """Name -> adaptation, what is chosen from."""
        return {RIDGE: RidgeHead(), SELF_TRAINED: SelfTrainedRidge(self.unlabelled, self.balance)}

    def errors(self, network: Network, shots: LabelledSet, seed: int) -> dict[str, float]:
        """Name -> share of wrong labels in a cross-validation, in [0, 1]; empty if no class has two labels.

        Raises:
            InvalidOptionError: `unlabelled` is None.
            TrainingFailedError: the features are NaN or infinite.
        """
        if not can_be_left_out(shots.labels).any():
            return {}
        ridge, taught = self.heads.values()
        plain = cross_validate(lambda part: ridge.fit(network, part, seed), shots, _FOLDS, seed)
        return {RIDGE: plain.top1_error, SELF_TRAINED: taught.score(network, shots, seed).top1_error}

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Leave-one-out error of the ridge head."""
        return self.heads[RIDGE].score(network, shots, seed)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Fit the head that is chosen on this network; see `errors` for the errors raised."""
        return self.heads[least_wrong(self.errors(network, shots, seed))].fit(network, shots, seed)


def least_wrong(errors: Mapping[str, float]) -> str:
    """The head of least error, the ridge head among equals; the other where no class has two labels.

    Single labels gain most from the unlabelled images (reports/photographs.md).

    >>> least_wrong({"ridge": 0.31, "self-train-ridge": 0.22}), least_wrong({})
    ('self-train-ridge', 'self-train-ridge')
    """
    return min(errors, key=lambda name: errors[name]) if errors else SELF_TRAINED
