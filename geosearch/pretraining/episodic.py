"""EpisodicPretraining: the network learns features on which heads, fitted to few images, predict others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, Stream
from geosearch.nn.train import minimize, resolve_device
from geosearch.pretraining.inner import RidgeInner
from geosearch.pretraining.objective import OBJECTIVES, Inner
from geosearch.runtime.registry import setting

RECENT, MOST = 1024, 16384  # images that episodes are drawn from; more where a class has too few among them


@OBJECTIVES.register(
    "episodic",
    "the error of heads that are fitted to a few images of the mixture at a time (MetaOptNet, Lee et al. 2019)",
)
@dataclass(frozen=True)
class EpisodicPretraining:
    """Pretrain by episodes: fit a head to a few images of each of a few classes, and minimize its loss on others.

    The classes are columns of the mixture's labels; an image is of the class of its largest share, and its label within
    an episode is the shares of the episode's classes. The loss is the cross-entropy of s k A, with A the solution of
    `inner` on the support and k the inner products of query and support features; s and the strength of the inner
    problem (penalty, bound or step) are learned with the network. An episode has about as many images as a batch. The
    network's own head stays as it was built.

    Source: Lee et al. 2019 (MetaOptNet), Bertinetto et al. 2019, Franceschi et al. 2018. Ours: soft labels.

    Attributes:
        inner: fits the head.
        ways: classes of an episode, at most.
        support: images of each class that the head is fitted to.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Pool, Recipe, SmallConv, pretrain
        >>> recipe = Recipe(SmallConv(4), steps=2, objective=EpisodicPretraining())
        >>> pretrain(Pool((geosearch.load("digits"),)), recipe, seed=0).head.out_features
        10
    """

    inner: Inner = field(default_factory=RidgeInner)
    ways: int = setting(5, "ways", "Classes of an episode (episodic).", ge=2)
    support: int = setting(5, "support", "Images of a class that an episode's head is fitted to (episodic).", ge=1)

    def __post_init__(self) -> None:
        if self.ways < 2 or self.support < 1:
            raise InvalidOptionError(
                f"EpisodicPretraining needs ways >= 2 and support >= 1, got {self.ways}, {self.support}"
            )

    def train(self, network: Network, mixture: Stream, recipe: Recipe, seed: int, device: str) -> Network:
        """See `Objective.train`.

        Raises:
            DomainMismatchError: fewer than two classes of the mixture have images enough for an episode.
            TrainingFailedError: the loss became NaN or infinite.
        """
        place = resolve_device(device)
        learned = _Learned().to(place)
        generator = seeds.torch_stream(seed, "pretrain", "augmentation")
        ways = min(self.ways, mixture.class_count)
        queries = max(recipe.batch // ways - self.support, 1)

        def loss(batch: Batch) -> torch.Tensor:
            x = recipe.augmentation(torch.from_numpy(batch[0]).to(place), generator)
            with autocast(recipe, place):
                z = network.features(x)
            y = torch.from_numpy(batch[1]).to(place)
            scores = query_scores(z.float(), y, ways * self.support, self.inner, learned.strength.exp())
            return F.cross_entropy(learned.scale.exp() * scores, y[ways * self.support :])

        stream = mixture.batches(recipe.batch, seeds.stream(seed, "pretrain", "batches"))
        episodes = draw_episodes(stream, ways, self.support, queries, seeds.stream(seed, "pretrain", "episodes"))
        minimize(nn.ModuleList([network.to(place), learned]), episodes, loss, recipe)
        return network.cpu().eval()


class _Learned(nn.Module):
    """Logarithms of the scale of the scores and of the strength of the inner problem."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.strength = (nn.Parameter(torch.tensor(value)) for value in (2.0, 0.0))


def query_scores(
    features: torch.Tensor, labels: torch.Tensor, support: int, inner: Inner, strength: torch.Tensor
) -> torch.Tensor:
    """Scores (q, c) of the queries under a head that is fitted to the support.

    Args:
        features: (n, d), the support first.
        labels: (n, c)
        support: number of its images.
        inner: fits the head.
        strength: of the inner problem.
    """
    z = features - features[:support].mean(0)
    z = z / z[:support].square().sum(1).mean().clamp(min=1e-12).sqrt()
    gram = z @ z[:support].T  # (n, support)
    return gram[support:] @ inner.dual(gram[:support], labels[:support], strength)


def draw_episodes(
    stream: Iterator[Batch], ways: int, support: int, queries: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Endless episodes of a stream's most recent images, the support first, classes in turn.

    Yields images float32 (ways (support + queries), ch, h, w) and labels float32 (..., ways), rows that sum to 1.

    Raises:
        DomainMismatchError: fewer than `ways` classes have images enough, among `MOST`.
    """
    images, labels = next(stream)
    while True:
        need, least = support + queries, RECENT
        while True:
            while len(images) < least:
                more = next(stream)
                images, labels = np.concatenate([images, more[0]]), np.concatenate([labels, more[1]])
            classes = labels.argmax(1)
            enough = np.flatnonzero(np.bincount(classes, minlength=labels.shape[1]) >= need)
            if len(enough) >= ways:
                break
            least *= 2
            if least > MOST:
                raise DomainMismatchError(
                    f"episodes need {ways} classes with {need} images each among {MOST} of the mixture, {len(enough)} "
                    "have as many; lower recipe.ways, recipe.support or recipe.batch"
                )
        chosen = rng.choice(enough, ways, replace=False)
        rows = np.stack([rng.choice(np.flatnonzero(classes == one), need, replace=False) for one in chosen])
        order = np.concatenate([rows[:, :support].ravel(), rows[:, support:].ravel()])
        shares = labels[order][:, chosen]
        yield images[order], shares / shares.sum(1, keepdims=True)
        fresh = next(stream)
        images = np.concatenate([images, fresh[0]])[len(fresh[0]) :]
        labels = np.concatenate([labels, fresh[1]])[len(fresh[1]) :]
