"""MentorNet: a second network that learns from clean samples which labels to believe, by the loss of the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.pretraining.sample_weighting import (
    Samples,
    SampleWeighting,
    features_of_both,
    gradient_only,
    scale_to_mean_one,
    weighted_loss,
)

_BURN_IN = 0.2  # of the steps, in which all weights are 1
_PERCENTILE, _DECAY = 0.75, 0.95  # of the losses of a batch, and of its moving average
_HIDDEN = 20


@dataclass(frozen=True)
class MentorNet(SampleWeighting):
    """Train a network, while a mentor learns how far to believe a sample from its loss.

    The mentor sees the loss of a sample, its difference from the moving average of the batches' 75th percentile, the
    label, and how much of the training is done. It learns, with the network, to tell clean samples under their own
    labels from the same samples under random other ones; what it gives for the noisy samples, scaled to a mean of 1,
    are their weights. The network itself is not trained on the clean samples.

    Source: Jiang et al. 2018 (a data-driven curriculum, burn-in included). Ours: two small layers in place of a
    recurrent one over the history of the loss, trained at every step on wrong labels that are drawn, where the paper
    trains the mentor in rounds on a set whose wrong labels are known.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Recipe, SmallConv
        >>> digits = geosearch.load("digits")
        >>> noisy, clean = digits.take(range(200)), digits.take(range(200, 300))
        >>> training = MentorNet(Recipe(SmallConv(4), steps=5)).train(noisy, clean, seed=0)
        >>> training.weights.shape
        (200,)
    """

    name: ClassVar[str] = "mentor"

    def weigher(self, network: Network, data: LabelledSet, clean: LabelledSet, seed: int) -> Mentor:
        return Mentor(network, len(data.classes), self.recipe.steps, self.recipe.label_smoothing, seed)


class Mentor:
    """The mentor of one training.

    Args:
        network: the network that is trained.
        classes: c, at least 2.
        steps: of the training.
        smoothing: of the labels.
        seed: of the mentor's own weights and of the wrong labels.
    """

    def __init__(self, network: Network, classes: int, steps: int, smoothing: float, seed: int) -> None:
        self.network, self.classes, self.steps, self.smoothing = network, classes, steps, smoothing
        self.generator = seeds.torch_stream(seed, "mentor", "labels")
        place = network.head.weight.device
        self.learner = small_network(3 + classes, _HIDDEN, 1, seed, "mentor").to(place)
        self.step, self.level = 0, 0.0

    def loss(self, batch: Samples, clean: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        features, known = features_of_both(self.network, batch, clean)
        logits, labels = self.network.head(features), batch.labels
        losses = F.cross_entropy(logits.detach(), labels, reduction="none")
        percentile = float(losses.quantile(_PERCENTILE))
        self.level = percentile if self.step == 0 else _DECAY * self.level + (1 - _DECAY) * percentile
        self.step += torch.is_grad_enabled()
        if self.step <= _BURN_IN * self.steps:
            weights = torch.ones_like(losses)
        else:
            with torch.no_grad():
                weights = scale_to_mean_one(self.learner(self._inputs(losses, labels))[:, 0].sigmoid())
        own = self._loss(self.network.head(known).detach(), clean.labels)
        return weighted_loss(logits, labels, weights, self.smoothing) + gradient_only(own), weights

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mentor's, on clean samples under their labels and under wrong ones."""
        moved = torch.randint(1, self.classes, labels.shape, generator=self.generator).to(labels.device)
        both = torch.cat([labels, (labels + moved) % self.classes])
        losses = F.cross_entropy(torch.cat([logits, logits]), both, reduction="none")
        right = torch.cat([torch.ones_like(losses[: len(labels)]), torch.zeros_like(losses[len(labels) :])])
        return F.binary_cross_entropy_with_logits(self.learner(self._inputs(losses, both))[:, 0], right)

    def _inputs(self, losses: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(b, 3 + c)"""
        done = torch.full_like(losses, min(self.step / max(self.steps, 1), 1.0))
        return torch.cat(
            [torch.stack([losses, losses - self.level, done], 1), F.one_hot(labels, self.classes).to(losses)], 1
        )


def small_network(inputs: int, hidden: int, outputs: int, seed: int, stream: str) -> nn.Sequential:
    """Two layers with weights from a random stream of their own."""
    layers = [nn.utils.skip_init(nn.Linear, inputs, hidden), nn.utils.skip_init(nn.Linear, hidden, outputs)]
    generator = seeds.torch_stream(seed, stream, "network")
    with torch.no_grad():
        for layer in layers:
            layer.weight.normal_(0.0, (1.0 / layer.in_features) ** 0.5, generator=generator)
            layer.bias.zero_()
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])
