"""Candidate: the contract of what a row of the confirmation is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from geosearch.adaptation.automatic import Automatic
from geosearch.adaptation.base import Adaptation, Predictor, Scorer
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.predictors import NetworkPredictor
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.semi_supervised import SemiSupervised
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Stream


class StartKind(StrEnum):
    """What a network has learned before it is adapted; adaptations are tuned once for each kind."""

    PRETRAINED = "pretrained"
    FRESH = "no pretraining"


@dataclass(frozen=True)
class Setup:
    """What all candidates of a confirmation are trained with.

    Attributes:
        shots: labelled images of the target.
        recipe: the long recipe of the pretraining.
        device: where to train, as for `pretrain`.
    """

    shots: LabelledSet
    recipe: Recipe
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Start:
    """A network before it is adapted to the target.

    Attributes:
        network: the network.
        stream: what it was trained on, in the classes of its head, for adaptations that rehearse it; None if nothing.
        frozen: takes the place of the network in adaptations that train a head only; None: the network itself.
    """

    network: Network
    stream: Stream | None = None
    frozen: Network | None = None

    def network_for(self, adaptation: Adaptation) -> Network:
        """The network that an adaptation starts from."""
        return self.frozen if self.frozen and not isinstance(adaptation, FineTuning) else self.network


class Candidate(Protocol):
    """What a row of the confirmation is trained on, and how it is adapted."""

    start_kind: ClassVar[StartKind]

    @property
    def key(self) -> str:
        """Content key of all that the training depends on, but `Setup`, adaptation and seed."""
        ...

    def start(self, setup: Setup, seed: int) -> Start:
        """The network that is adapted; the expensive part, which all adaptations share.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
        """
        ...

    def adapt(self, start: Start, adaptation: Adaptation, setup: Setup, seed: int) -> Predictor:
        """Adapt the network that `start` gave to the shots.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
        """
        ...

    def networks(self, adaptation: Adaptation) -> int:
        """Number of networks that are pretrained for one predictor, its teachers included."""
        ...

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Number of unlabelled target images that pretraining and adaptation use."""
        ...


class PretrainedCandidate:
    """Base class of candidates that pretrain one network and adapt it like any other."""

    start_kind: ClassVar[StartKind] = StartKind.PRETRAINED

    def adapt(self, start: Start, adaptation: Adaptation, setup: Setup, seed: int) -> Predictor:
        """Adapt the network that `start` gave to the shots."""
        return adaptation.fit(start.network_for(adaptation), setup.shots, seed, start.stream)

    def networks(self, adaptation: Adaptation) -> int:
        """One."""
        return 1

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those that the adaptation uses."""
        return images_of(adaptation)


class AdaptedCandidate:
    """Base class of candidates whose `start` gives a network that is adapted already, with the target's classes.

    Where the confirmation fine-tunes, that network predicts as it is; a head on frozen features is fitted to its
    features.
    """

    start_kind: ClassVar[StartKind] = StartKind.PRETRAINED

    def adapt(self, start: Start, adaptation: Adaptation, setup: Setup, seed: int) -> Predictor:
        """The network itself, or a head on its features."""
        if isinstance(adaptation, FineTuning):
            return NetworkPredictor(start.network)
        return adaptation.fit(start.network, setup.shots, seed)

    def networks(self, adaptation: Adaptation) -> int:
        """One."""
        return 1


class SupervisedCandidate(AdaptedCandidate):
    """Base class of those among them whose network has seen no unlabelled image.

    Under self-training it is its own teacher, and FixMatch goes on from it, so that the row has as many unlabelled
    images as others.
    """

    def adapt(self, start: Start, adaptation: Adaptation, setup: Setup, seed: int) -> Predictor:
        """The network itself, a student of it, or a head on its features."""
        if isinstance(adaptation, SelfTraining):
            return adaptation.train_student(NetworkPredictor(start.network), start.network, setup.shots, seed)
        if isinstance(adaptation, FixMatch):
            return adaptation.fit(start.network, setup.shots, seed)
        return super().adapt(start, adaptation, setup, seed)

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those that the adaptation uses."""
        return images_of(adaptation)


def images_of(adaptation: Adaptation | Scorer) -> int:
    """Number of unlabelled target images that an adaptation uses, or a scorer that is one."""
    if isinstance(adaptation, Automatic):
        return images_of(adaptation.self_trained)
    if isinstance(adaptation, SelfTrainedRidge) and adaptation.unlabelled is not None:
        return min(len(adaptation.unlabelled.images), adaptation.most)
    if isinstance(adaptation, SemiSupervised) and adaptation.unlabelled is not None:
        return len(adaptation.unlabelled.images)
    return 0
