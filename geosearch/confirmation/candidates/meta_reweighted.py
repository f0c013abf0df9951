"""MetaReweighted: source images under target classes, weighed by meta-gradient."""

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
from geosearch.pretraining.meta_reweighting import MetaReweighting
from geosearch.runtime.cache import content_key

ROWS = 4000  # images that are reweighted


@dataclass(frozen=True, eq=False)
class MetaReweighted(PretrainedCandidate):
    """The mixture's source images under the target classes that they stand for, weighed by meta-gradient.

    An image of a source stands for the class of the reference image in whose place it is, as for the derivative
    (`curate_mixture`). The shots are the clean samples.
    """

    anchors: Anchors
    weights: Weights
    shots: LabelledSet
    size: int = ROWS

    @property
    def key(self) -> str:
        mixture = Mixture(self.anchors, self.weights).key
        return content_key("meta-reweighted", version=1, mixture=mixture, shots=self.shots.fingerprint, size=self.size)

    def start(self, setup: Setup, seed: int) -> Start:
        rows = self.rows(seed)
        network = MetaReweighting(setup.recipe).train(rows, self.shots, seed, device=setup.device).network
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
