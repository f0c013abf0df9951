"""MetaReweighting: training on noisy labels with sample weights from the gradient on clean samples."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.func import functional_call, grad, jvp
from torch.nn import functional as F

from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.weight_averaging import batch_norm_layers
from geosearch.pretraining.sample_weighting import Samples, SampleWeighting, scale_to_mean_one, weighted_loss

Parameters = dict[str, torch.Tensor]


@dataclass(frozen=True)
class MetaReweighting(SampleWeighting):
    """Train a network, weighting the samples of each batch by the alignment of their gradients with clean ones.

    Giving sample i of a batch the weight e_i changes the loss on a clean batch after the step, at e = 0, by
    -a <g_clean, g_i> per unit of e_i, where a is the learning rate and g are gradients of the loss. The positive parts
    of these inner products, scaled to a mean of 1, are the weights. All inner products come from one forward-mode
    derivative along g_clean; no second derivatives are needed.

    Source: Ren et al. 2018, alg. 1, whose look-ahead step from e = 0 gives the same weights. Ours: AdamW takes the
    step, and the derivative is computed in forward mode.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> from geosearch.nn import Recipe, SmallConv
        >>> noisy, clean = digits.take(range(200)), digits.take(range(200, 300))
        >>> training = MetaReweighting(Recipe(SmallConv(4), steps=5)).train(noisy, clean, seed=0)
        >>> training.weights.shape
        (200,)
    """

    name: ClassVar[str] = "meta-reweighted"

    def weigher(self, network: Network, data: LabelledSet, clean: LabelledSet, seed: int) -> GradientWeigher:
        return GradientWeigher(network, self.recipe.label_smoothing)


@dataclass(frozen=True, eq=False)
class GradientWeigher:
    """Weighs samples by their gradients at the network as it is."""

    network: Network
    smoothing: float

    learner: ClassVar[None] = None

    def loss(self, batch: Samples, clean: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        weights = _sample_weights(self.network, batch, clean)
        return weighted_loss(self.network(batch.images), batch.labels, weights, self.smoothing), weights


def _sample_weights(network: Network, batch: Samples, clean: Samples) -> torch.Tensor:
    """Weights (b,) of the samples of a batch, with mean 1; all 0 if no inner product is positive."""
    stateless = copy.deepcopy(network)  # normalizes by the batch and keeps no running statistics of the look-ahead
    for norm in batch_norm_layers(stateless):
        norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}

    def losses(at: Parameters, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(functional_call(stateless, at, (images,)), labels, reduction="none")

    direction = grad(lambda at: losses(at, clean.images, clean.labels).mean())(parameters)
    products = jvp(lambda at: losses(at, batch.images, batch.labels), (parameters,), (direction,))[1]  # <g_i, g_clean>
    return scale_to_mean_one(products.clamp(min=0))
