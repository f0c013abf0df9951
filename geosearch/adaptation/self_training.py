"""Self-training: fine-tuning on unlabelled images of the target too, under the labels that a teacher gives them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geosearch.adaptation.base import FineTune, LinearProbe, NetworkPredictor
from geosearch.adaptation.cross_validation import Predictor
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.recipe import added_field, facts_of
from geosearch.nn.train import Stream, fine_tune
from geosearch.transport.solvers.class_balance import allocated, class_factors


@dataclass(frozen=True, eq=False)
class SelfTrain(FineTune):
    """Every layer trained on the augmented shots and on unlabelled images, as far as a teacher is sure of them.

    The teacher is the pretrained network under a head trained on the shots. Source: Lee 2013 (pseudo-labels); the
    student's augmentation and the teacher's lack of it are those of Xie et al. 2020 (noisy student).

    Attributes:
        unlabelled: images of the target.
        believed: share in (0, 1] of the images that the teacher gives a class, the surest first.
        head_steps: optimizer steps of the teacher's head.
        balance: in [0, 1]; how far the teacher's labels are drawn to equally frequent classes, see `class_factors`.
    """

    steps: int = 600
    unlabelled: UnlabelledSet | None = None
    confident_fraction: float = 0.7
    head_steps: int = added_field(200)
    balance: float = added_field(0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.confident_fraction <= 1:
            raise InvalidOptionError(f"SelfTrain needs believed in (0, 1], got {self.confident_fraction}")
        if not 0 <= self.balance <= 1:
            raise InvalidOptionError(f"SelfTrain needs balance in [0, 1], got {self.balance}")

    @property
    def facts(self) -> dict[str, Any]:
        images = self.unlabelled.fingerprint if self.unlabelled is not None else None
        return {**facts_of(replace(self, unlabelled=None)), "unlabelled": images}

    def taught(self, teacher: Predictor, network: Network, shots: LabelledSet, seed: int) -> Predictor:
        """Train a copy of `network`, with a new head, on the shots and on what the teacher is sure of.

        Raises:
            InvalidOptionError: there are no unlabelled images.
            DomainMismatchError: they have another shape than the shots.
        """
        if self.unlabelled is None:
            raise InvalidOptionError("SelfTrain needs images of the target; pass unlabelled=")
        if self.unlabelled.shape != shots.shape:
            raise DomainMismatchError(
                f"expected unlabelled images of the target, {shots.shape}; got {self.unlabelled.shape}"
            )
        scores = teacher.predict(self.unlabelled.images)
        scores = allocated(scores, class_factors(scores, self.balance))
        rows = top_confident(scores, self.confident_fraction)
        labels = scores[rows].argmax(1).astype(shots.labels.dtype)
        both = shots.joined(replace(shots, images=self.unlabelled.images[rows], labels=labels))
        return NetworkPredictor(fine_tune(network, both, self._recipe(), seed, device=self.device))

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        return self.taught(self.head(network, shots, seed), network, shots, seed)

    def head(self, network: Network, shots: LabelledSet, seed: int) -> Predictor:
        """A teacher: the network as it was pretrained, under a head trained on the augmented shots."""
        how = LinearProbe(steps=self.head_steps, augmentation=self.augmentation, device=self.device)
        return how.fit(network, shots, seed)


def top_confident(scores: np.ndarray, share: float) -> np.ndarray:
    """Rows with the highest score among those of the same likeliest class, `share` of each, in their order.

    Class by class, so that an easy class does not crowd out the others.

    Args:
        scores: of every class, (n, c).
        share: in (0, 1]; rounded up, so that no class that occurs is left without a row.
    """
    labels, best = scores.argmax(1), scores.max(1)
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen.append(rows[np.argsort(-best[rows], kind="stable")][: int(np.ceil(share * len(rows)))])
    return np.sort(np.concatenate(chosen))
