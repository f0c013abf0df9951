"""ShotTransformer: a small transformer that learns from the sources which shots to believe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.adaptation.prototypes import ROBUST, TEMPERATURE, PrototypeRule, standardize
from geosearch.adaptation.robust_prototypes import SimilarityPrototypes
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Stream, draw_images
from geosearch.nn.train import minimize

Batch = tuple[torch.Tensor, ...]  # shots (e, c, k, d), described (e, c, k, 6), which are wrong, others (e, c, q, d)
WIDTH, HEADS, LAYERS = 32, 4, 2
DISTANCES = 6
EPISODES, QUERIES = 8, 3  # in a step; for each class
WRONG = (0.0, 0.2, 0.4)  # fractions of wrong shots, one drawn for each episode


@ROBUST.register(
    "transformer",
    "means weighted by a transformer that learned from noisy episodes of the mixture (TraNFS, Liang et al. 2022)",
)
@dataclass(frozen=True)
class ShotTransformer:
    """Means of the shots of each class, weighted by a transformer that sees how near they are to each other.

    It is trained on episodes of the images that the network was pretrained on, as many classes and shots as the target
    has, of which up to 40 % come from another class of the episode. The loss is the cross-entropy of further images
    under the prototypes, plus that of telling wrong shots from right ones. Its last layer begins at zero, so an
    untrained one gives plain means.

    Source: Liang et al. 2022 (TraNFS). Ours: a shot's token holds distances (`describe_shots`) in place of its feature,
    and attention is among the shots of a class, so little is to be learned and any number of classes and features will
    do; the prototype is a weighted mean, in place of an output token.

    Without a mixture, or where it has fewer than two classes with images enough, there is nothing to learn from and
    `SimilarityPrototypes` stands in.

    Attributes:
        steps: optimizer steps.
        images: drawn from the mixture.

    Example:
        >>> ShotTransformer(steps=0).steps
        0
    """

    steps: int = 300
    images: int = 2000

    def __post_init__(self) -> None:
        if self.steps < 0 or self.images < 1:
            raise InvalidOptionError(
                f"ShotTransformer needs steps >= 0 and images >= 1, got {self.steps}, {self.images}"
            )

    def rule(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> PrototypeRule:
        """A trained transformer; see `Robust.rule`."""
        if mixture is None:
            return SimilarityPrototypes()
        z, labels = self._features(network, mixture, seed)
        counts = np.bincount(shots.labels)
        per_class = max(round(len(shots) / int((counts > 0).sum())), 2)
        rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        rows = [one for one in rows if len(one) >= per_class + QUERIES]
        if len(rows) < 2:
            return SimilarityPrototypes()
        classes = min(int((counts > 0).sum()), len(rows))
        episodes = Episodes(z, rows, classes, per_class)
        weigher = ShotWeigher(seeds.torch_stream(seed, "shot-transformer", "weights"))
        recipe = Recipe(steps=self.steps, learning_rate=1e-3, weight_decay=0.01)
        minimize(weigher, episodes.draw(seeds.stream(seed, "shot-transformer", "episodes")), weigher.loss, recipe)
        return LearnedPrototypes(weigher)

    def _features(self, network: Network, mixture: Stream, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, d) of images of the mixture, and the class of each that has the largest share."""
        images, soft = draw_images(mixture, self.images, seeds.stream(seed, "shot-transformer", "images"))
        was_training, place = network.training, network.head.weight.device
        network.eval()
        with torch.inference_mode():
            parts = [network.features(part.to(place)).cpu() for part in torch.from_numpy(images).split(512)]
        network.train(was_training)
        return torch.cat(parts).numpy(), soft.argmax(1)


@dataclass(frozen=True, eq=False)
class Episodes:
    """Few-shot tasks with wrong shots.

    Attributes:
        z: (n, d) features.
        rows: of each class.
        classes: in an episode, c.
        shots: of each class, k.
    """

    z: np.ndarray
    rows: list[np.ndarray]
    classes: int
    shots: int

    def draw(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless."""
        while True:
            made = [self._episode(rng) for _ in range(EPISODES)]
            yield tuple(torch.from_numpy(np.stack(parts).astype(np.float32)) for parts in zip(*made, strict=True))

    def _episode(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        c, k = self.classes, self.shots
        chosen = rng.choice(len(self.rows), c, replace=False)
        rows = np.stack([rng.choice(self.rows[i], k + QUERIES, replace=False) for i in chosen])  # (c, k + q)
        shots, wrong = rows[:, :k].copy(), rng.random((c, k)) < rng.choice(WRONG)
        for label, place in zip(*np.nonzero(wrong), strict=True):
            other = (label + rng.integers(1, c)) % c
            shots[label, place] = rng.choice(self.rows[chosen[other]])
        z, centre, scale = standardize(self.z[shots.ravel()])
        described = describe_shots(z, np.repeat(np.arange(c), k)).reshape(c, k, -1)
        return z.reshape(c, k, -1), described, wrong, (self.z[rows[:, k:]] - centre) * scale


def describe_shots(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Six distances (n, 6) of every shot, in units of the mean distance of all.

    To the others of its class, mean and least; to those of the nearest other class, mean and least; both differences.

    Args:
        z: features (n, d).
        labels: (n,), of two classes at least.
    """
    squared = (z**2).sum(1)
    distances = np.sqrt(np.maximum(squared[:, None] + squared - 2 * z @ z.T, 0))
    distances /= max(float(distances.mean()), 1e-12)
    one_hot = labels[:, None] == np.unique(labels)
    own = np.where(labels[:, None] == labels, distances, np.nan)
    np.fill_diagonal(own, np.nan)
    alone = one_hot.sum(0)[one_hot.argmax(1)] == 1  # these have no distance of their own, and get the mean of all
    own[alone] = 1.0
    to_classes = np.where(one_hot, np.inf, distances @ one_hot / one_hot.sum(0))
    nearest = np.where(labels[:, None] == labels, np.inf, distances).min(1)
    mean, least, other = np.nanmean(own, 1), np.nanmin(own, 1), to_classes.min(1)
    return np.stack([mean, least, other, nearest, mean - other, least - nearest], 1)


class ShotWeigher(nn.Module):
    """Gives every shot a logit; the weights of a class are their softmax."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.token = nn.utils.skip_init(nn.Linear, DISTANCES, WIDTH)
        layers = [nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.0, batch_first=True) for _ in range(LAYERS)]
        self.layers = nn.Sequential(*layers)
        self.belief = nn.utils.skip_init(nn.Linear, WIDTH, 1)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0.0, parameter.shape[1] ** -0.5, generator=generator)
                else:
                    parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
            self.belief.weight.zero_()

    def forward(self, described: torch.Tensor) -> torch.Tensor:
        """Logits (b, k) of the k shots of b classes, from (b, k, 6), see `describe_shots`."""
        logits: torch.Tensor = self.belief(self.layers(self.token(described)))[:, :, 0]
        return logits

    def loss(self, batch: Batch) -> torch.Tensor:
        """Of one batch of `Episodes`."""
        shots, described, wrong, queries = batch
        e, c, k, _ = shots.shape
        logits = self(described.flatten(0, 1)).view(e, c, k)
        prototypes = (logits.softmax(2)[..., None] * shots).sum(2)  # (e, c, d)
        distances = torch.cdist(queries.flatten(1, 2), prototypes) ** 2  # (e, c q, c)
        labels = torch.arange(c).repeat_interleave(queries.shape[2]).repeat(e)
        task = F.cross_entropy(-TEMPERATURE * distances.flatten(0, 1), labels)
        return task + F.binary_cross_entropy_with_logits(logits, 1 - wrong)


@dataclass(frozen=True, eq=False)
class LearnedPrototypes:
    """The rule of a trained `ShotWeigher`."""

    weigher: ShotWeigher

    def weights(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(n,), which sum to 1 in each class; of two classes at least."""
        described = torch.from_numpy(describe_shots(features, labels).astype(np.float32))
        weights = np.empty(len(labels))
        with torch.inference_mode():
            for label in np.unique(labels):
                rows = np.flatnonzero(labels == label)
                weights[rows] = self.weigher(described[rows][None])[0].softmax(0).numpy()
        return weights

    def prototypes(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(c, d), see `PrototypeRule`."""
        weighted = self.weights(features, labels)[:, None] * features
        return np.stack([weighted[labels == label].sum(0) for label in np.unique(labels)])
