"""CommitteeTaught: a network that is self-trained under the labels of the committee that labels the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.predictors import EnsemblePredictor, NetworkPredictor
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates.base import AdaptedCandidate, Setup, Start
from geosearch.mixture.mixture import Mixture
from geosearch.nn.networks import Network
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class CommitteeTaught(AdaptedCandidate):
    """A mixture whose network is self-trained under the mean prediction of a committee, whatever the adaptation.

    The committee is that of the study: it is trained once and teaches the students of all seeds. No search is needed
    for it.

    Attributes:
        mixture: what the student is pretrained on.
        committee: networks with the target's classes.
        training: how the student is self-trained; its `unlabelled` images are those that the committee labels.
    """

    mixture: Mixture
    committee: Sequence[Network]
    training: SelfTraining

    @property
    def key(self) -> str:
        committee = [network.fingerprint for network in self.committee]
        how = self.training.key
        return content_key("committee-taught", version=1, mixture=self.mixture.key, committee=committee, training=how)

    def start(self, setup: Setup, seed: int) -> Start:
        pretrained = pretrain(self.mixture, setup.recipe, seed, device=setup.device)
        teacher = EnsemblePredictor([NetworkPredictor(network) for network in self.committee])
        return Start(self.training.train_student(teacher, pretrained, setup.shots, seed).network)

    def networks(self, adaptation: Adaptation) -> int:
        """The committee and the student."""
        return len(self.committee) + 1

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those that the committee labels."""
        return len(self.training.unlabelled) if self.training.unlabelled is not None else 0
