"""SampleWeighted: source images under target classes, weighed while a network is trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.ridge import one_hot
from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start, images_of
from geosearch.curation.curated_mixture import row_weights
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.streams import FixedSet, as_tensor
from geosearch.pretraining.sample_weighting import SampleWeighting
from geosearch.runtime.cache import content_key

ROWS = 4000  # images that are weighed


@dataclass(frozen=True, eq=False)
class SampleWeighted(PretrainedCandidate):
    """The mixture's source images under the target classes that they stand for, weighed by a method of `pretraining`.

    An image of a source stands for the class of the reference image in whose place it is, as for the derivative
    (`curate_mixture`). The shots are the clean samples.

    Attributes:
        anchors: what mixtures are made of.
        weights: of the mixture.
        shots: labelled images of the target.
        method: what weighs the images; each takes the recipe of the confirmation.
        size: images that are drawn, the same ones for every method.
    """

    anchors: Anchors
    weights: Weights
    shots: LabelledSet
    method: type[SampleWeighting]
    size: int = ROWS

    @property
    def key(self) -> str:
        mixture = Mixture(self.anchors, self.weights).key
        return content_key(self.method.name, version=1, mixture=mixture, shots=self.shots.fingerprint, size=self.size)

    def start(self, setup: Setup, seed: int) -> Start:
        rows = self.rows(seed)
        network = self.method(setup.recipe).train(rows, self.shots, seed, device=setup.device).network
        labels = one_hot(rows.labels, len(rows.classes)).astype(np.float32)
        return Start(network, FixedSet(as_tensor(rows.images).numpy(), labels, rows.classes))

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """The reference, or what the adaptation uses if that is more."""
        return max(len(self.anchors.reference), images_of(adaptation))

    def rows(self, seed: int) -> LabelledSet:
        """Source images drawn in the mixture's shares, with the classes of the reference."""
        images = np.concatenate([source.images for source in self.anchors.sources])
        classes = self.anchors.reference.labels
        chances = row_weights(self.anchors, self.weights.array)
        drawn = seeds.stream(seed, "meta-reweighted").choice(len(images), self.size, p=chances / chances.sum())
        return LabelledSet(images[drawn], np.resize(classes, len(images))[drawn], self.shots.classes, "mixture rows")
