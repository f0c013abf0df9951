"""DeepUnion: a network of which more stages are trained, on all sources at once, than on mixtures."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.weights import Weights
from geosearch.nn.known_features import KnownFeatures
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture, PretrainedHeaded
from geosearch.nn.recipe import Recipe
from geosearch.nn.side_by_side import SideBySide
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class DeepUnion(PretrainedCandidate):
    """A network that was trained on all sources at once, or one between it and the pretrained one.

    It is made without the target, so it is the same network under every seed. A study mixes activations before the last
    stages; what this network reads out of the target's images is therefore computed beforehand (`KnownFeatures`), and
    heads on frozen features, the pretrained ones beside these, are all that is fitted to it.

    Attributes:
        network: the network; it takes images.
        architecture: what it was built by.
        weights: of the sources, which have equal shares.
        side: of the images that it takes, pixels.
        codes: uint8 (n, h, w, ch), the target's images as the study has them.
        features: float32 (n, d), what the network reads out of them.
        interpolation: how far it is from the pretrained weights (0) to the trained ones (1).
        trainings: whose weights the trained ones are the mean of.
    """

    network: Network = field(repr=False)
    architecture: PretrainedArchitecture
    weights: Weights
    side: int
    codes: np.ndarray = field(repr=False)
    features: np.ndarray = field(repr=False)
    interpolation: float
    trainings: int

    @property
    def key(self) -> str:
        return content_key("deep-union", version=1, network=self.network.fingerprint)

    def start(self, setup: Setup, seed: int) -> Start:
        """The network; `seed` has no effect."""
        return Start(self.known(setup.shots, setup.recipe))

    def known(self, shots: LabelledSet, recipe: Recipe) -> Network:
        """The network with a new head, for the target's images as the study has them; it knows no others.

        Args:
            shots: labelled images of the target.
            recipe: of the study; its network gives the pretrained features.
        """
        published = fresh_network(shots, recipe, seed=0)
        content = content_key("published", **recipe.network.facts)
        body = SideBySide(published.body, KnownFeatures(self.codes, self.features), content)
        head = nn.Linear(published.head.in_features + self.features.shape[1], len(shots.classes))
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        return PretrainedHeaded(body, head).eval()

    def on_images(self, adapted: Network) -> Network:
        """The network with the head of one that `start` gave and an adaptation adapted; it takes images."""
        whole = self.architecture.after_pretraining(copy.deepcopy(self.network), self.side)
        return PretrainedHeaded(whole.body, adapted.head).eval()

    def networks(self, adaptation: Adaptation) -> int:
        """The trainings whose weights are averaged."""
        return self.trainings
