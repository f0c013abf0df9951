"""JointTraining: one network that is trained on the sources and on the shots at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from geosearch.confirmation.candidates.base import Setup, Start, SupervisedCandidate
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.mixture import Mixture
from geosearch.nn.networks import Network
from geosearch.nn.streams import Batch, Stream, shot_batches
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class JointStream:
    """Batches of which one half comes from a stream, the other from the shots; the classes are those of both.

    Attributes:
        mixture: its C classes come first.
        shots: their c classes follow.
    """

    mixture: Stream
    shots: LabelledSet

    @property
    def class_count(self) -> int:
        """C + c."""
        return self.mixture.class_count + len(self.shots.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        return self.mixture.image_shape

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless: images float32 (b, ch, h, w), the stream's first, and labels float32 (b, C + c)."""
        streams = rng.spawn(2)
        half = size // 2
        pairs = zip(
            self.mixture.batches(half, streams[0]), shot_batches(self.shots, size - half, streams[1]), strict=True
        )
        for (images, labels), (shots, classes) in pairs:
            joint = np.zeros((size, self.class_count), np.float32)
            joint[:half, : labels.shape[1]] = labels
            joint[half:, labels.shape[1] :] = classes
            yield np.concatenate([images, shots]), joint


@dataclass(frozen=True, eq=False)
class JointTraining(SupervisedCandidate):
    """A network trained on a mixture and on the shots at once, under one head for the classes of both.

    The part of the head for the target's classes predicts; it needs no adaptation. Heads on frozen features are
    fitted to its features, and under self-training or FixMatch the network teaches a student of its own.

    Attributes:
        mixture: the half of every batch that is not shots.
    """

    mixture: Mixture

    @property
    def key(self) -> str:
        return content_key("joint-training", version=2, mixture=self.mixture.key)

    def start(self, setup: Setup, seed: int) -> Start:
        joint = pretrain(JointStream(self.mixture, setup.shots), setup.recipe, seed, device=setup.device)
        return Start(with_last_classes(joint, len(setup.shots.classes)))


def with_last_classes(network: Network, count: int) -> Network:
    """A copy of the network, of its own kind, with the part of its head for the last `count` classes."""
    twin = copy.deepcopy(network)
    twin.head = nn.utils.skip_init(nn.Linear, network.head.in_features, count)
    with torch.no_grad():
        twin.head.weight.copy_(network.head.weight[-count:])
        twin.head.bias.copy_(network.head.bias[-count:])
    return twin.eval()
