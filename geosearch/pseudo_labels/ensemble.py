"""Refinement: pseudo-labels from a network that was pretrained on the hull itself, better than any nearest shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from geosearch import seeds
from geosearch.adaptation.linear_probe import train_head
from geosearch.adaptation.predictors import EnsemblePredictor, NetworkPredictor
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.mixture import Mixture
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import predict, pretrain
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes
from geosearch.transport.solvers.class_balance import allocated, class_factors


@dataclass(frozen=True)
class Refinement:
    """One round: pretrain on a mixture of the present anchors, adapt to the shots, label the unlabelled images.

    Anchors are then fitted again to the new labels. Measured gains: reports/transfer.md.

    Attributes:
        recipe: of the pretraining.
        head: of the linear head on the augmented shots; the body stays as it was pretrained.
        members: networks that label together, of those that are tried.
        device: where networks are trained, as for `pretrain`; changes no key.
        balance: in [0, 1]; how far labels are drawn to equally frequent classes, see `class_factors`.
    """

    recipe: Recipe = field(default_factory=Recipe)
    head: Recipe = field(default_factory=lambda: Recipe(steps=200, batch=50, label_smoothing=0.1))
    members: int = 1
    device: str = "cpu"
    balance: float = 0.0

    def best(
        self,
        mixtures: Sequence[Mixture],
        shots: LabelledSet,
        unlabelled: np.ndarray,
        *,
        seed: int,
        cache: Cache,
        jobs: int = 1,
    ) -> Committee:
        """Of the labellers that several mixtures lead to, those whose features tell the shots apart best.

        That is the least squared error of a ridge head, leave-one-out; where a class has a single shot nothing can
        be left out, and a committee is all of them, a single labeller the first mixture's. Networks start alike and
        see the shots alike, so that mixtures are compared under equal luck. Measured with one member of two, the
        cloud at the projection and the pooled union, on 18 cuts of six targets: against the cloud's labels alone 5
        to 11 points more are right on MNIST-M, whose first pseudo-labels are mostly wrong and with them its
        projection; elsewhere it changes 0.2 points at most. What several members gain: reports/transfer.md.

        Args:
            mixtures: that networks are pretrained on, one each.
            shots: the labelled images.
            unlabelled: images (n, h, w, ch) over which classes are balanced.
            seed: of weights and batches.
            cache: where trained networks are kept.
            jobs: processes that train side by side; changes no number.

        Raises:
            TrainingFailedError: a loss stopped being a finite number.
        """
        train = partial(self.labeller, seed=seed, cache=cache)
        found = list(in_processes([(train, (mixture, shots)) for mixture in mixtures], jobs))
        if int(np.bincount(shots.labels, minlength=len(shots.classes)).min()) >= 2:
            found.sort(key=lambda one: RidgeHead().score(one.network, shots, seed).squared_error)
            found = found[: self.members]
        elif self.members == 1:
            found = found[:1]
        networks = tuple(one.network for one in found)
        return Committee(networks, class_factors(_mean_scores(networks, unlabelled), self.balance))

    def labeller(self, mixture: Mixture, shots: LabelledSet, *, seed: int, cache: Cache) -> NetworkLabeller:
        """The labeller that this round ends with, trained or from the cache.

        Raises:
            TrainingFailedError: the loss stopped being a finite number.
        """
        key = content_key(
            "refinement",
            mixture=mixture.key,
            recipe=self.recipe.key,
            head=self.head.key,
            shots=shots.fingerprint,
            seed=seed,
        )
        height, _, channels = mixture.image_shape
        number = seeds.integer(seed, "refinement")
        network = self.recipe.network.build(channels, height, len(shots.classes), number)

        def trained() -> dict[str, np.ndarray]:
            pretrained = pretrain(mixture, self.recipe, number, device=self.device)
            state = train_head(pretrained, shots, self.head, number, device=self.device).state_dict()
            return {name: tensor.numpy() for name, tensor in state.items()}

        stored = cache.arrays("refinement", key, trained)
        network.load_state_dict({name: torch.from_numpy(np.array(stored[name])) for name in network.state_dict()})
        return NetworkLabeller(network)


@dataclass(frozen=True, eq=False)
class Committee:
    """The class that several networks together find likeliest, their scores multiplied by factors (c,)."""

    networks: Sequence[Network]
    factors: np.ndarray

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> int64 (n,)"""
        return allocated(_mean_scores(self.networks, images), self.factors).argmax(1)


def _mean_scores(networks: Sequence[Network], images: np.ndarray) -> np.ndarray:
    return EnsemblePredictor([NetworkPredictor(network) for network in networks]).predict(images)


@dataclass(frozen=True, eq=False)
class NetworkLabeller:
    """The likeliest class by a network, as a label."""

    network: Network

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> int64 (n,)"""
        return predict(self.network, images).argmax(1)
