"""LearnedAugmentation: how often and how strongly images are changed is learned together with the network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from geosearch.errors import InvalidOptionError
from geosearch.nn.augmenter import AUGMENTATIONS, Learner
from geosearch.nn.transformations import LARGEST, transform
from geosearch.runtime.registry import Setting

EDGES = (0.0, 1 / 12, 1 / 4, 1 / 2, 1.0)  # of the strengths, as fractions of the largest; bin 0 is no change at all
BINS = len(EDGES)
START = 0.7  # probability of no change, of each kind, when a training begins
EXPLORED = 0.03  # share of the prior in what is drawn, so that no strength is given up for good
WINDOW = 50  # steps over which losses are averaged


@AUGMENTATIONS.register(
    "learned",
    "affine maps and colors, whose strengths are learned with the network (TRM, Chatzipantazis et al. 2023)",
)
@dataclass(frozen=True)
class LearnedAugmentation:
    """Rotation, shear, scale, shift, mirroring, brightness, contrast and colors, with learned probabilities.

    Of every kind k an image draws one of five strengths b with probability p_k(b): no change, or a magnitude from
    one of four ranges (a rotation of up to 15, 45, 90 or 180 degrees). All are composed. Learned is what minimizes

        E_p[loss] + penalty * sum_k KL(p_k | uniform),

    by a step of mirror descent after every batch. For a fixed network p_k(b) is proportional to exp(-loss_k(b) /
    penalty), with loss_k(b) the mean loss of images of that strength. Changes that the labels are invariant to cost no
    loss, and become frequent; changes that mistake one class for another cost much. Without the penalty no change at
    all would be best.

    Source: Chatzipantazis et al. 2023 (TRM: the risk over a learned distribution of composed transformations, whose
    gradient flows through the probabilities of what was drawn; SCALE). Ours: the penalty on narrow distributions is the
    divergence from uniform, as Benton et al. 2020 reward width, in place of a PAC-Bayes bound; strengths in bins.

    Images that were seen often enough to be known by heart cost less unchanged than changed. So in long trainings on
    few images no change gains; a larger penalty holds against it.

    Pretraining by the mixture's labels and fine-tuning learn; trainings with a loop of their own (a linear probe,
    rehearsal, ...) draw as a training begins: mostly no change.

    Attributes:
        penalty: in units of the loss; larger ones keep changes that are harder.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Pool, Recipe, SmallConv, pretrain
        >>> recipe = Recipe(SmallConv(4), steps=5, augmentation=LearnedAugmentation())
        >>> network = pretrain(Pool((geosearch.load("digits"),)), recipe, seed=0)
        >>> len(network.learned_augmentation["rotate"])
        5
    """

    penalty: float = 0.05

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """Keys of a study file that stand for no field of their own."""
        meaning = "Penalty on narrow distributions, in units of the loss (learned); 0.05 if left out."
        return (Setting("augmentation_penalty", float | None, None, meaning, {"gt": 0}),)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **context: Any) -> LearnedAugmentation:
        """With the penalty of the study file, or the default."""
        asked = settings.get("augmentation_penalty")
        return cls() if asked is None else cls(asked)

    def __post_init__(self) -> None:
        if not 0 < self.penalty < math.inf:
            raise InvalidOptionError(f"LearnedAugmentation needs a penalty > 0, got {self.penalty}")

    @property
    def is_identity(self) -> bool:
        return False

    @property
    def summary(self) -> str:
        return "learned changes"

    def learner(self) -> LearnedProbabilities:
        """Probabilities that are learned in one training."""
        return LearnedProbabilities(self.penalty)

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Augmenter`."""
        return self.learner()(images, generator)


class LearnedProbabilities(Learner):
    """The probabilities of one training.

    Args:
        penalty: as in `LearnedAugmentation`.
    """

    def __init__(self, penalty: float) -> None:
        self.penalty = penalty
        self.prior = torch.full((len(LARGEST), BINS), 1 / BINS)
        self.prior[list(LARGEST).index("flip")] = torch.tensor([0.5, 0.5, *[0.0] * (BINS - 2)])
        start = (1 - START) * self.prior / (1 - self.prior[:, :1])
        start[:, 0] = START
        self.logits = start.clamp(min=1e-30).log()  # (k, bins)
        self.drawn: torch.Tensor | None = None  # (k, b), bins of the last batch

    @property
    def distribution(self) -> torch.Tensor:
        """What strengths are drawn with: (k, bins)."""
        return (1 - EXPLORED) * self.logits.softmax(1) + EXPLORED * self.prior

    @property
    def probabilities(self) -> Mapping[str, Sequence[float]]:
        """See `Learner`."""
        return dict(zip(LARGEST, self.distribution.tolist(), strict=True))

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """See `Augmenter`."""
        count = len(images)
        self.drawn = torch.multinomial(self.distribution, count, replacement=True, generator=generator)
        draws = torch.rand(2, len(LARGEST), count, generator=generator)
        direction = 2 * math.pi * torch.rand(count, generator=generator)
        colors = torch.rand(count, 2, 3, generator=generator)[:, :, : images.shape[1]]
        edges = torch.tensor(EDGES)
        low, high = edges[(self.drawn - 1).clamp(min=0)], edges[self.drawn]
        sizes = torch.tensor([*LARGEST.values()])[:, None] * (low + (high - low) * draws[0])
        signed = torch.where(draws[1] < 0.5, -sizes, sizes).to(images.device)
        strengths = dict(zip(LARGEST, signed, strict=True))
        return transform(images, strengths, direction.to(images.device), colors.to(images.device))

    def learn(self, losses: torch.Tensor) -> None:
        """See `Learner`; one step of mirror descent."""
        assert self.drawn is not None
        estimate = mean_losses(self.drawn, losses.cpu(), self.distribution)
        # where a fixed network with these losses would end
        best = self.prior.clamp(min=1e-30).log() - estimate / self.penalty
        self.logits = (self.logits + (best - self.logits) / WINDOW).log_softmax(1)


def mean_losses(drawn: torch.Tensor, losses: torch.Tensor, distribution: torch.Tensor) -> torch.Tensor:
    """Unbiased estimates (k, bins) of the mean loss of each strength, less that of all images.

    Args:
        drawn: strengths of b images, int64 (k, b).
        losses: (b,)
        distribution: what they were drawn with, (k, bins).
    """
    excess = (losses - losses.mean()).expand(drawn.shape)
    sums = torch.zeros_like(distribution).scatter_add_(1, drawn, excess)
    return sums / (drawn.shape[1] * distribution.clamp(min=1e-6))
