"""Rehearsal: fine-tuning on the shots while the network goes on training on the mixture."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.replay_selection import ReplaySelection
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import added_field
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, Stream, shot_batches
from geosearch.nn.train import minimize, resolve_device
from geosearch.runtime.registry import Setting, setting


@ADAPTATIONS.register("rehearse", "fine-tuned while the mixture goes on being trained (Robins 1995; Liu et al. 2022)")
@dataclass(frozen=True)
class Rehearsal(FineTuning):
    """Fine-tune on the shots and, with the old head, go on training on the mixture (experience replay).

    A step costs about twice as much as one of `FineTuning`, whose options it has too.

    Attributes:
        share: weight in (0, 1) of the mixture in the loss; the shots have weight 1 - share.
        selection: which images of the mixture to rehearse; all if None.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.streams import FixedSet
        >>> from geosearch.nn.networks import SmallConv
        >>> from geosearch.nn.streams import as_tensor
        >>> import numpy as np
        >>> digits = geosearch.load("digits")
        >>> mixture = FixedSet(as_tensor(digits.images).numpy(), np.eye(10, dtype=np.float32)[digits.labels])
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> predictor = Rehearsal(steps=5).fit(network, digits.take(range(50)), seed=0, mixture=mixture)
        >>> predictor.predict(digits.images[:5]).shape
        (5, 10)
    """

    share: float = setting(0.3, "rehearsal", "Weight of the mixture in the loss (rehearse).", gt=0, lt=1)
    selection: ReplaySelection | None = added_field(None)

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """Keys of a study file that stand for no field of their own."""
        meaning = (
            "Share of the mixture's images that is rehearsed, those that unbalanced transport brings to the shots; all "
            "if left out."
        )
        return (Setting("rehearse_nearest", float | None, None, meaning, {"gt": 0, "le": 1}),)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **context: Any) -> Rehearsal:
        """With the selection that `rehearse_nearest` stands for."""
        nearest = settings["rehearse_nearest"]
        known = {name: value for name, value in context.items() if name in ("augmentation", "device", "precision")}
        return cls(
            steps=settings["fine_tune_steps"],
            share=settings["rehearsal"],
            selection=ReplaySelection(share=nearest) if nearest else None,
            **known,
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share < 1:
            raise InvalidOptionError(
                f"Rehearsal needs share in (0, 1), got {self.share}; without rehearsal use FineTuning"
            )

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        if mixture is None:
            raise InvalidOptionError("Rehearsal needs the mixture that the network was pretrained on; pass mixture=")
        rehearsed = self.selection.select(mixture, network, shots, seed) if self.selection else mixture
        return rehearse(
            network,
            shots,
            rehearsed,
            self._recipe(),
            seed,
            share=self.share,
            device=self.device,
            body_rate=self.body_rate,
        )


def rehearse(
    network: Network,
    shots: LabelledSet,
    mixture: Stream,
    recipe: Recipe,
    seed: int,
    *,
    share: float,
    device: str = "cpu",
    body_rate: float = 1.0,
) -> Network:
    """Fine-tune every layer on the augmented shots while the old head goes on training on the mixture.

    At each step the body processes a batch of shots and one of the mixture together, so that the running statistics
    of batch normalization describe both. The loss is (1 - share) times the cross-entropy of the new head on the
    shots plus share times that of the old head on the mixture.

    Source: Robins 1995 (rehearsal against catastrophic forgetting).

    Args:
        network: a pretrained network; it is not changed.
        shots: labelled images, uint8 (n, h, w, ch).
        mixture: the stream that `network` was pretrained on, or a part of it.
        recipe: how to train; its `network` and `compiled` are ignored, its label smoothing applies to the shots only.
        seed: seed of the head, the batches and the augmentation.
        share: weight in (0, 1) of the mixture in the loss.
        device: where to train, as for `pretrain`.
        body_rate: learning rate of the body, as a fraction of that of the heads.

    Returns:
        A copy of `network` with a head for the classes of the shots.

    Raises:
        DomainMismatchError: the mixture has other classes than the head of `network`, or other image sizes than
            the shots.
        TrainingFailedError: the loss became NaN or infinite.
    """
    if mixture.class_count != network.head.out_features or mixture.image_shape != shots.shape:
        raise DomainMismatchError(
            f"rehearsal needs the mixture that the network was pretrained on: {network.head.out_features} classes, "
            f"images {shots.shape}; got {mixture.class_count} classes, images {mixture.image_shape}"
        )
    place = resolve_device(device)
    adapted = network.with_head(len(shots.classes), seed).to(place)
    old_head = copy.deepcopy(network.head).to(place)
    generators = [seeds.torch_stream(seed, "rehearsal", "augmentation", part) for part in ("shots", "mixture")]
    batches = zip(
        shot_batches(shots, recipe.batch, seeds.stream(seed, "rehearsal", "shots")),
        mixture.batches(recipe.batch, seeds.stream(seed, "rehearsal", "mixture")),
        strict=True,
    )

    def loss(pair: tuple[Batch, Batch]) -> torch.Tensor:
        images = [
            recipe.augmentation(torch.from_numpy(x).to(place), generator)
            for (x, _), generator in zip(pair, generators, strict=True)
        ]
        shot_labels, mixture_labels = (torch.from_numpy(y).to(place) for _, y in pair)
        with autocast(recipe, place):
            z = adapted.features(torch.cat(images)).float()  # (2 b, d)
        shot_scores, mixture_scores = adapted.head(z[: recipe.batch]), old_head(z[recipe.batch :])
        task = F.cross_entropy(shot_scores, shot_labels, label_smoothing=recipe.label_smoothing)
        return (1 - share) * task + share * F.cross_entropy(mixture_scores, mixture_labels)

    minimize(nn.ModuleList([adapted, old_head]), batches, loss, recipe, slower=(adapted.body, body_rate))
    return adapted
