"""Automatic: a ridge head or one that trains itself on unlabelled images, as cross-validation on the labels says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geosearch.adaptation.base import ADAPTATIONS, Adaptation, AdaptationOptions, Predictor, Score, facts_with_images
from geosearch.adaptation.head_choice import RIDGE, SELF_TRAINED, HeadChoice
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.streams import Stream
from geosearch.runtime.cache import content_key

AUTOMATIC = "auto"


@ADAPTATIONS.register(AUTOMATIC, "ridge or self-train-ridge, chosen by cross-validation on the labels")
@dataclass(frozen=True, eq=False)
class Automatic(AdaptationOptions):
    """The head that cross-validation on the labels chooses, see `HeadChoice`; measured in reports/photographs.md.

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
        >>> adaptation.choose(network, digits.take(range(50)), seed=0).name
        'ridge'
    """

    unlabelled: UnlabelledSet | None = None
    balance: float = 0.5

    def __post_init__(self) -> None:
        SelfTrainedRidge(balance=self.balance)  # checks it

    @property
    def key(self) -> str:
        """Content key of all options; equal options give equal keys."""
        return content_key("automatic", version=2, **self.facts)  # 2: `HeadChoice` has a standard error

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent; the images by their fingerprint."""
        return facts_with_images(self, self.unlabelled)

    @property
    def heads(self) -> dict[str, Adaptation]:
        """Name -> adaptation, what is chosen from."""
        return {RIDGE: RidgeHead(), SELF_TRAINED: self.self_trained}

    def choose(self, network: Network, shots: LabelledSet, seed: int) -> HeadChoice:
        """Which of the heads, by cross-validation on the labels.

        Raises:
            InvalidOptionError: `unlabelled` is None.
            TrainingFailedError: the features are NaN or infinite.
        """
        z, u = self.self_trained.features(network, shots)
        return HeadChoice.by_cross_validation(z, shots.labels, u, len(shots.classes), self.self_trained, seed)

    @property
    def self_trained(self) -> SelfTrainedRidge:
        """The head that uses the unlabelled images; the other is chosen by its errors, so that it has seen them too."""
        return SelfTrainedRidge(self.unlabelled, self.balance)

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Leave-one-out error of the ridge head."""
        return self.heads[RIDGE].score(network, shots, seed)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Fit the head that is chosen on this network; see `choose` for the errors raised."""
        return self.heads[self.choose(network, shots, seed).name].fit(network, shots, seed)
