"""SelfTraining: fine-tuning on the shots and on unlabelled images with the confident pseudo-labels of a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geosearch.adaptation.base import ADAPTATIONS, Predictor
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.predictors import NetworkPredictor
from geosearch.adaptation.semi_supervised import SemiSupervised
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import added_field
from geosearch.nn.streams import Stream
from geosearch.nn.train import fine_tune
from geosearch.runtime.registry import setting
from geosearch.transport.solvers.class_balance import allocate, class_factors


@ADAPTATIONS.register("self-train", "fine-tuned on unlabelled images too, under pseudo-labels of the network itself")
@dataclass(frozen=True, eq=False)
class SelfTraining(SemiSupervised):
    """Fine-tune on the augmented shots and on the unlabelled images that a teacher labels with confidence.

    The teacher is a linear probe of the pretrained network, unless `teacher` says otherwise, or another is passed to
    `train_student`. The other options are those of `SemiSupervised`.

    Source: Lee 2013 (pseudo-labels); Xie et al. 2020 (noisy student) for augmenting the student's images and not the
    teacher's.

    Attributes:
        confident_fraction: fraction in (0, 1] of the images of each predicted class that is used, the most
            confident predictions first.
        head_steps: optimizer steps of the teacher's linear probe.
        balance: in [0, 1]; 0 leaves the teacher's class frequencies as they are, 1 makes them equal, see
            `class_factors`.
        teacher: the adaptation that makes the teacher; a linear probe of `head_steps` steps if None.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> unlabelled = geosearch.UnlabelledSet.of(digits.take(range(50, 250)))
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> adaptation = SelfTraining(steps=5, head_steps=5, unlabelled=unlabelled)
        >>> predictor = adaptation.fit(network, digits.take(range(50)), seed=0)
        >>> predictor.predict(digits.images[:5]).shape
        (5, 10)
    """

    steps: int = 600
    confident_fraction: float = setting(
        0.7,
        "confident_fraction",
        "Fraction of the unlabelled images of each predicted class that is used, the most confident first "
        "(self-train). The default was chosen on mnist, usps, fashion_mnist, kmnist, az_letters and mnist_m.",
        gt=0,
        le=1,
    )
    head_steps: int = added_field(200)
    balance: float = added_field(0.0)
    teacher: GradientAdaptation | None = added_field(None)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **context: Any) -> SelfTraining:
        """Three times the steps of the other adaptations, half as many where no further images are used."""
        steps = settings["fine_tune_steps"]
        known = {name: value for name, value in context.items() if name not in ("loss", "robust")}
        return cls(
            steps=3 * steps if settings["unlabelled"] else 3 * steps // 2,
            head_steps=steps,
            confident_fraction=settings["confident_fraction"],
            **known,
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.confident_fraction <= 1:
            raise InvalidOptionError(f"SelfTraining needs confident_fraction in (0, 1], got {self.confident_fraction}")
        if not 0 <= self.balance <= 1:
            raise InvalidOptionError(f"SelfTraining needs balance in [0, 1], got {self.balance}")

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Fit a teacher to the shots, then train a student; see `train_student` for the errors raised."""
        return self.train_student(self.fit_teacher(network, shots, seed), network, shots, seed)

    def fit_teacher(self, network: Network, shots: LabelledSet, seed: int) -> Predictor:
        """Fit the teacher to the augmented shots."""
        probe = LinearProbe(steps=self.head_steps, augmentation=self.augmentation, device=self.device)
        return (self.teacher or probe).fit(network, shots, seed)

    def train_student(self, teacher: Predictor, network: Network, shots: LabelledSet, seed: int) -> NetworkPredictor:
        """Fine-tune a copy of `network` on the shots and on the teacher's confident pseudo-labels.

        Args:
            teacher: predicts the unlabelled images.
            network: a pretrained network; it is not changed.
            shots: labelled images, uint8 (n, h, w, ch).
            seed: seed of the head, the batches and the augmentation.

        Raises:
            InvalidOptionError: `unlabelled` is None.
            DomainMismatchError: the unlabelled images have another shape than the shots.
            TrainingFailedError: the loss became NaN or infinite.
        """
        unlabelled = self.images_like(shots).images
        scores = teacher.predict(unlabelled)
        scores = allocate(scores, class_factors(scores, self.balance))
        rows = top_confident(scores, self.confident_fraction)
        labels = scores[rows].argmax(1).astype(shots.labels.dtype)
        both = shots.concatenate(replace(shots, images=unlabelled[rows], labels=labels))
        recipe = self._recipe()
        return NetworkPredictor(fine_tune(network, both, recipe, seed, device=self.device, body_rate=self.body_rate))


def top_confident(scores: np.ndarray, fraction: float) -> np.ndarray:
    """Rows with the highest scores among those of the same predicted class, `fraction` of each class.

    The selection is per class, so that easy classes do not displace difficult ones.

    Args:
        scores: class scores (n, c).
        fraction: in (0, 1]; rounded up, so that every predicted class keeps at least one row.

    Returns:
        int64 (k,) row numbers in ascending order.
    """
    labels, confidence = scores.argmax(1), scores.max(1)
    selected = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        selected.append(rows[np.argsort(-confidence[rows], kind="stable")][: int(np.ceil(fraction * len(rows)))])
    return np.sort(np.concatenate(selected))
