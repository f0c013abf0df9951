"""FixMatch: fine-tuning in which confident predictions of weakly augmented images label strongly augmented ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from geosearch import seeds
from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.semi_supervised import SemiSupervised
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import cut_out, strengthen
from geosearch.nn.augmenter import Augmenter
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import added_field
from geosearch.nn.precision import autocast
from geosearch.nn.streams import Batch, Stream, as_tensor, shot_batches, shuffled_rows
from geosearch.nn.train import minimize, resolve_device


@ADAPTATIONS.register(
    "fixmatch",
    "fine-tuned on unlabelled images too, under its confident predictions of the step (Sohn et al. 2020)",
)
@dataclass(frozen=True, eq=False)
class FixMatch(SemiSupervised):
    """Fine-tune on the shots, and on unlabelled images that the network predicts with confidence at that step.

    Of each unlabelled image the network sees a weakly and a strongly augmented version. The class that it predicts for
    the weak one is the label of the strong one, if its probability reaches the threshold. The other options are those
    of `SemiSupervised`.

    Source: Sohn et al. 2020, eq. 3 and 4. Ours: the strong augmentation is the weak one with twice the ranges,
    followed by Cutout, in place of RandAugment; AdamW takes the steps.

    Attributes:
        threshold: probability in (0, 1] from which a prediction counts as confident.
        ratio: unlabelled images per labelled one in a batch; each counts twice in the costs of a step.
        unlabelled_weight: weight of the loss on the unlabelled images.
        strength: factor from the ranges of the weak augmentation to those of the strong one.
        cutout: side of the square that is cut out of strongly augmented images, as a fraction of the frame.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> unlabelled = geosearch.UnlabelledSet.of(digits.take(range(50, 250)))
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> predictor = FixMatch(steps=5, unlabelled=unlabelled).fit(network, digits.take(range(50)), seed=0)
        >>> predictor.predict(digits.images[:5]).shape
        (5, 10)
    """

    steps: int = 600
    label_smoothing: float = 0.0  # with smoothed labels no prediction would reach the threshold
    threshold: float = 0.95
    ratio: int = added_field(2)
    unlabelled_weight: float = added_field(1.0)
    strength: float = added_field(2.0)
    cutout: float = added_field(0.5)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **context: Any) -> FixMatch:
        """Three times the steps of fine-tuning, as for self-training."""
        taken = ("augmentation", "device", "precision", "unlabelled")
        known = {name: value for name, value in context.items() if name in taken}
        return cls(steps=3 * settings["fine_tune_steps"], **known)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.threshold <= 1 or self.ratio < 1 or self.unlabelled_weight < 0:
            raise InvalidOptionError(
                f"FixMatch needs threshold in (0, 1], ratio >= 1 and unlabelled_weight >= 0, got {self.threshold}, "
                f"{self.ratio} and {self.unlabelled_weight}"
            )
        if self.strength < 1 or not 0 <= self.cutout < 1:
            raise InvalidOptionError(
                f"FixMatch needs strength >= 1 and cutout in [0, 1), got {self.strength} and {self.cutout}"
            )

    @property
    def strong_augmentation(self) -> Augmenter:
        """What precedes Cutout in the strong augmentation."""
        return strengthen(self.augmentation, self.strength)

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        """See `fit`.

        Raises:
            InvalidOptionError: `unlabelled` is None.
            DomainMismatchError: the unlabelled images have another shape than the shots.
        """
        unlabelled = self.images_like(shots).images
        recipe, place = self._recipe(), resolve_device(self.device)
        adapted = network.with_head(len(shots.classes), seed).to(place)
        images = as_tensor(unlabelled)
        generators = {name: seeds.torch_stream(seed, "fixmatch", name) for name in ("shots", "weak", "strong")}
        batches = zip(
            shot_batches(shots, self.batch, seeds.stream(seed, "fixmatch", "shots")),
            shuffled_rows(len(images), self.ratio * self.batch, seeds.stream(seed, "fixmatch", "unlabelled")),
            strict=True,
        )

        def loss(pair: tuple[Batch, np.ndarray]) -> torch.Tensor:
            (x, y), rows = pair
            seen = images[rows].to(place)
            views = [
                self.augmentation(torch.from_numpy(x).to(place), generators["shots"]),
                self.augmentation(seen, generators["weak"]),
                cut_out(self.strong_augmentation(seen, generators["strong"]), self.cutout, generators["strong"]),
            ]
            with autocast(recipe, place):  # one batch, so that the statistics of batch normalization describe all three
                scores = adapted(torch.cat(views)).float()
            labelled, weak, strong = scores.split([len(x), len(rows), len(rows)])
            task = F.cross_entropy(labelled, torch.from_numpy(y).to(place), label_smoothing=self.label_smoothing)
            return task + self.unlabelled_weight * consistency(weak, strong, self.threshold)

        return minimize(adapted, batches, loss, recipe, slower=(adapted.body, self.body_rate))


def consistency(weak: torch.Tensor, strong: torch.Tensor, threshold: float) -> torch.Tensor:
    """Mean cross-entropy of the strong scores under the classes of the weak ones, 0 where these are not confident.

    Source: Sohn et al. 2020, eq. 4.

    Args:
        weak: scores (b, c) of the weakly augmented images; no gradient flows through them.
        strong: scores (b, c) of the strongly augmented ones.
        threshold: smallest probability that counts as confident.

    >>> sure, unsure = torch.tensor([[9.0, 0.0]]), torch.tensor([[0.1, 0.0]])
    >>> bool(consistency(sure, -sure, 0.95) > 1), float(consistency(unsure, -sure, 0.95))
    (True, 0.0)
    """
    probability, labels = weak.detach().softmax(1).max(1)
    return (F.cross_entropy(strong, labels, reduction="none") * (probability >= threshold)).mean()
