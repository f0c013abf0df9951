"""LinearProbe: a linear head is trained on frozen features of the augmented shots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from geosearch import seeds
from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, Stream, shot_batches
from geosearch.nn.train import minimize, resolve_device


@ADAPTATIONS.register("linear-probe", "a linear head trained on augmented shots")
@dataclass(frozen=True)
class LinearProbe(GradientAdaptation):
    """Train a linear head on the augmented shots; the body stays frozen.

    In contrast to `RidgeHead`, the shots are augmented and the loss is the cross-entropy. The options are those of
    `GradientAdaptation`.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> predictor = LinearProbe(steps=5).fit(network, digits.take(range(50)), seed=0)
        >>> predictor.predict(digits.images[:5]).shape
        (5, 10)
    """

    learning_rate: float = 1e-2

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        scaling = self._scaling(network, shots, seed)
        return train_head(network, shots, self._recipe(), seed, device=self.device, scaling=scaling)


def train_head(
    network: Network,
    shots: LabelledSet,
    recipe: Recipe,
    seed: int,
    *,
    device: str = "cpu",
    scaling: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Network:
    """Train a new linear head on the augmented shots, over a frozen copy of the body of `network`.

    The body runs in evaluation mode: batch normalization uses the running statistics of the pretraining.

    Args:
        network: a pretrained network; it is not changed.
        shots: labelled images, uint8 (n, h, w, ch).
        recipe: how to train; its `network` and `compiled` are ignored.
        seed: seed of the head, the batches and the augmentation.
        device: where to train, as for `pretrain`.
        scaling: what the loss takes for scores (b, c); as they are if None.

    Raises:
        TrainingFailedError: the loss became NaN or infinite.
    """
    place = resolve_device(device)
    probed = network.with_head(len(shots.classes), seed).to(place).eval()
    generator = seeds.torch_stream(seed, "head-only", "augmentation")  # the name fixes the numbers

    def loss(batch: Batch) -> torch.Tensor:
        images, labels = batch
        x = recipe.augmentation(torch.from_numpy(images).to(place), generator)
        with torch.no_grad(), autocast(recipe, place):
            z = probed.features(x)  # (b, d)
        y = torch.from_numpy(labels).to(place)
        scores = probed.head(z.float())
        return F.cross_entropy(scaling(scores) if scaling else scores, y, label_smoothing=recipe.label_smoothing)

    minimize(probed.head, shot_batches(shots, recipe.batch, seeds.stream(seed, "head-only", "batches")), loss, recipe)
    return probed.cpu()
