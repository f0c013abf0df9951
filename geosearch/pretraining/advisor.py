"""AdvisorNetwork: a second network that learns from clean samples which features of a noisy sample to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.pretraining.mentor import small_network
from geosearch.pretraining.sample_weighting import (
    Samples,
    SampleWeighting,
    features_of_both,
    gradient_only,
    scale_to_mean_one,
    weighted_loss,
)

Features = tuple[torch.Tensor, torch.Tensor]  # float32 (b, d), labels int64 (b,)

_HIDDEN = 32
_LOOK_AHEAD = 0.1  # learning rate of the step of the head that is looked ahead; at 1 it overshoots, on the digits
_OPEN = 2.0  # logit of every share at the beginning: 0.88


@dataclass(frozen=True)
class AdvisorNetwork(SampleWeighting):
    """Train a network, while an advisor scales the features of each noisy sample before the head.

    From the features and the loss of a sample the advisor gives a share in [0, 1] for each feature. The head is trained
    on the scaled features, with equal weights of the samples, so a sample whose features are scaled down teaches it
    little. The advisor descends the loss of the clean samples, unscaled, after a step of the head on the scaled ones.
    `weights` are the mean shares, scaled to a mean of 1 in each batch.

    Source: Ricci et al. 2022, from its abstract. Ours: the step that is looked ahead is one of gradient descent of the
    head alone, through which the derivative is exact and cheap.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Recipe, SmallConv
        >>> digits = geosearch.load("digits")
        >>> noisy, clean = digits.take(range(200)), digits.take(range(200, 300))
        >>> training = AdvisorNetwork(Recipe(SmallConv(4), steps=5)).train(noisy, clean, seed=0)
        >>> training.weights.shape
        (200,)
    """

    name: ClassVar[str] = "advisor"

    def weigher(self, network: Network, data: LabelledSet, clean: LabelledSet, seed: int) -> Advisor:
        return Advisor(network, self.recipe.label_smoothing, seed)


class Advisor:
    """The advisor of one training.

    Args:
        network: the network that is trained.
        smoothing: of the labels.
        seed: of the advisor's own weights.
    """

    def __init__(self, network: Network, smoothing: float, seed: int) -> None:
        self.network, self.smoothing = network, smoothing
        d, place = network.head.in_features, network.head.weight.device
        self.learner = small_network(d + 1, _HIDDEN, d, seed, "advisor").to(place)

    def loss(self, batch: Samples, clean: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        features, known = features_of_both(self.network, batch, clean)
        fixed, labels, head = features.detach(), batch.labels, self.network.head
        with torch.no_grad():
            losses = F.cross_entropy(head(fixed), labels, reduction="none")
        inputs = torch.cat([F.layer_norm(fixed, fixed.shape[1:]), losses[:, None]], 1)
        shares = (self.learner(inputs) + _OPEN).sigmoid()  # (b, d)
        weight, bias = head.weight.detach(), head.bias.detach()
        own = clean_loss_after(weight, bias, (shares * fixed, labels), (known.detach(), clean.labels))
        shares = shares.detach()
        loss = weighted_loss(head(shares * features), labels, torch.ones_like(losses), self.smoothing)
        return loss + gradient_only(own), scale_to_mean_one(shares.mean(1))


def clean_loss_after(
    weight: torch.Tensor, bias: torch.Tensor, batch: Features, clean: Features, rate: float = _LOOK_AHEAD
) -> torch.Tensor:
    """Cross-entropy of clean features after one step of gradient descent of a head on others, differentiable in these.

    The gradient in the weights of a softmax head is (p - y)' z / b, in closed form.

    Args:
        weight, bias: of the head, (c, d) and (c,).
        batch: features (b, d) that the head steps on, and labels (b,).
        clean: features (k, d) and labels (k,).
        rate: of the step.
    """
    z, labels = batch
    errors = (F.linear(z, weight, bias).softmax(1) - F.one_hot(labels, len(bias)).to(z)) / len(z)  # (b, c)
    stepped, shifted = weight - rate * errors.T @ z, bias - rate * errors.sum(0)
    return F.cross_entropy(F.linear(clean[0], stepped, shifted), clean[1])
