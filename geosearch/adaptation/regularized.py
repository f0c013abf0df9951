"""RegularizedFineTuning: fine-tuning near the pretrained weights, which doubts labels that it finds wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.precision import autocast
from geosearch.nn.streams import Batch, Stream, shot_batches
from geosearch.nn.train import minimize, resolve_device
from geosearch.runtime.cache import content_key
from geosearch.runtime.registry import Setting


@ADAPTATIONS.register(
    "regularized",
    "fine-tuned near the pretrained weights, with labels corrected by its predictions (Li & Zhang 2021)",
)
@dataclass(frozen=True)
class RegularizedFineTuning(FineTuning):
    """Fine-tune inside a ball around the pretrained weights, layer by layer, with self-labelling.

    After every step the weights of layer l of the body are projected onto |w_l - w_l0| <= r_l |w_l0|, where r_l grows
    geometrically from radius / growth in the first layer to radius in the last. A shot's label is corrected in a step
    when the network gives another class a probability above a threshold that falls linearly from 1 to `threshold` over
    the training; the others are weighted by 1 - t H / log c, H the entropy of the prediction and t in [0, 1] the share
    of the training that is over. The body normalizes by the statistics of the pretraining, which do not change.

    Source: Li & Zhang 2021 (regularized self-labelling). Ours: radii relative to the pretrained weights; a falling
    threshold and weights by entropy; labels corrected for one step at a time. The other options are those of
    `FineTuning`.

    Attributes:
        radius: of the last layer's ball, relative to its weights; at 0 only the head is trained.
        growth: ratio of the radii of the last and the first layer, at least 1.
        threshold: probability above which another class is believed at the end, in [0.5, 1]; 1 corrects no label.
        reweighted: whether uncertain shots count less.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> predictor = RegularizedFineTuning(steps=5).fit(network, digits.take(range(50)), seed=0)
        >>> predictor.predict(digits.images[:5]).shape
        (5, 10)
    """

    radius: float = 0.3
    growth: float = 2.0
    threshold: float = 0.8
    reweighted: bool = True

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """Keys of a study file that stand for no field of their own."""
        meaning = "How far the weights may move, relative to the pretrained ones (regularized); 0.3 if left out."
        return (Setting("radius", float | None, None, meaning, {"ge": 0}),)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **context: Any) -> RegularizedFineTuning:
        """With the radius of the study file, or the default."""
        taken = ("augmentation", "device", "precision", "loss")
        known = {name: value for name, value in context.items() if name in taken}
        if settings.get("radius") is not None:
            known["radius"] = settings["radius"]
        return cls(steps=settings["fine_tune_steps"], **known)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.radius < math.inf or not 1 <= self.growth < math.inf or not 0.5 <= self.threshold <= 1:
            raise InvalidOptionError(
                "RegularizedFineTuning needs radius >= 0, growth >= 1 and threshold in [0.5, 1], got "
                f"{self.radius}, {self.growth} and {self.threshold}"
            )

    @property
    def key(self) -> str:
        """Content key of all options; equal options give equal keys."""
        return content_key("regularized", version=2, **self.facts)  # 2: only modules that are trained have balls

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        recipe, place, scaling = self._recipe(), resolve_device(self.device), self._scaling(network, shots, seed)
        adapted = network.with_head(len(shots.classes), seed).to(place)
        balls = balls_of(adapted.body, self.radius, self.growth)
        batches = shot_batches(shots, self.batch, seeds.stream(seed, "regularized", "batches"))
        generator = seeds.torch_stream(seed, "regularized", "augmentation")
        steps_done = 0

        def loss(batch: Batch) -> torch.Tensor:
            nonlocal steps_done
            project(balls)  # what the optimizer did in the step before
            adapted.body.eval()  # keeps its statistics
            x = self.augmentation(torch.from_numpy(batch[0]).to(place), generator)
            with autocast(recipe, place):
                scores = adapted(x).float()
            labels = torch.from_numpy(batch[1]).to(place)
            over, steps_done = steps_done / self.steps, steps_done + 1
            targets, weights = self_labels(scores, labels, 1 - (1 - self.threshold) * over, over * self.reweighted)
            scores = scaling(scores) if scaling else scores
            losses = F.cross_entropy(scores, targets, label_smoothing=self.label_smoothing, reduction="none")
            return (weights * losses).mean()

        minimize(adapted, batches, loss, recipe, slower=(adapted.body, self.body_rate))
        project(balls)
        return adapted


@dataclass(frozen=True, eq=False)
class Ball:
    """Where the weights of a layer may be.

    Attributes:
        weights: the layer's parameters, which move.
        centers: copies of the pretrained ones.
        radius: of the ball around all of them together.
    """

    weights: Sequence[nn.Parameter]
    centers: Sequence[torch.Tensor]
    radius: float


def balls_of(body: nn.Module, radius: float, growth: float) -> list[Ball]:
    """One for each module that has parameters of its own that are trained, in the order of the body.

    >>> [round(one.radius, 1) for one in balls_of(nn.Sequential(nn.LayerNorm(4), nn.LayerNorm(4)), 0.5, 2.0)]
    [0.5, 1.0]
    """
    each = ([own for own in module.parameters(recurse=False) if own.requires_grad] for module in body.modules())
    layers = [own for own in each if own]
    balls = []
    for number, weights in enumerate(layers):
        position = number / (len(layers) - 1) if len(layers) > 1 else 1.0
        centers = [weight.detach().clone() for weight in weights]
        balls.append(Ball(weights, centers, radius * growth ** (position - 1) * _norm(centers)))
    return balls


@torch.no_grad()
def project(balls: Sequence[Ball]) -> None:
    """Move the weights of every layer to the nearest point of its ball, in place."""
    for ball in balls:
        centers = [center.to(weight.device) for center, weight in zip(ball.centers, ball.weights, strict=True)]
        distance = _norm([weight - center for weight, center in zip(ball.weights, centers, strict=True)])
        if distance > ball.radius:
            for weight, center in zip(ball.weights, centers, strict=True):
                weight.copy_(center + (ball.radius / distance) * (weight - center))


def self_labels(
    scores: torch.Tensor, labels: torch.Tensor, threshold: float, doubt: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (b, c) corrected by the scores, and weights (b,) with mean 1; no gradient flows through either.

    Args:
        scores: (b, c).
        labels: one-hot (b, c).
        threshold: probability above which another class becomes the label.
        doubt: how much the entropy of a prediction counts against shots whose label stays, in [0, 1].

    >>> scores, labels = torch.tensor([[9.0, 0.0], [9.0, 0.0]]), torch.eye(2)
    >>> self_labels(scores, labels, threshold=0.9, doubt=0.0)[0].argmax(1)
    tensor([0, 0])
    """
    probabilities = scores.detach().softmax(1)
    belief, believed = probabilities.max(1)
    is_corrected = (belief > threshold) & (believed != labels.argmax(1))
    corrected = torch.where(is_corrected[:, None], F.one_hot(believed, labels.shape[1]).to(labels), labels)
    entropy = torch.special.entr(probabilities).sum(1) / math.log(max(labels.shape[1], 2))
    weights = torch.where(is_corrected, 1.0, 1 - doubt * entropy)
    return corrected, weights / weights.mean().clamp(min=1e-6)


def _norm(tensors: Sequence[torch.Tensor]) -> float:
    return float(torch.stack([tensor.detach().square().sum() for tensor in tensors]).sum().sqrt())
