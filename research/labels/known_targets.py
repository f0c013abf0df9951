"""Targets whose truth is known, with features of networks that were trained once on each of eight mixtures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import torch
from scipy.optimize import nnls

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, Pool, as_tensor
from geosearch.nn.train import features, pretrain
from geosearch.runtime.cache import Cache, content_key
from research.model.networks import GLYPHS, read

PHOTOGRAPHS = ("rsscn7", "seedlings", "trash")
TARGETS = (*GLYPHS, *PHOTOGRAPHS)
RECIPE = Recipe(SmallConv(16), steps=300)
SINGLES, RANDOM = 4, 2

Shares = tuple[tuple[str, float], ...]  # (set, share) pairs, shares sum to one


@dataclass(frozen=True, eq=False)
class KnownTarget:
    """Features and labels of all images, the training part first.

    Attributes:
        mixtures: eight arrays (n, d): four single sources, the pooled union, a projection (of photographs: the uniform
            union), two random mixtures.
        without: arrays (n, d) without pretraining on the sources; the labels choose among them. Of glyphs the pixels
            and an untrained network, as in a study; of photographs the encoder as it comes from ImageNet.
        labels: int64 (n,); train: images of the training part.
    """

    mixtures: tuple[np.ndarray, ...]
    without: tuple[np.ndarray, ...]
    labels: np.ndarray
    train: int

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1


@lru_cache(maxsize=1)
def known_target(name: str) -> KnownTarget:
    return _photographs(name) if name in PHOTOGRAPHS else _glyphs(name)


@dataclass(frozen=True)
class Union(Pool):
    """The union of data sets, drawn in given shares."""

    shares: tuple[float, ...] = ()

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        offsets = np.cumsum([0, *(len(each.classes) for each in self.sets)])
        one_hot = np.eye(self.class_count, dtype=np.float32)
        while True:
            source = rng.choice(len(self.sets), size, p=self.shares)
            rows = rng.integers([len(self.sets[i]) for i in source])
            pairs = list(zip(source, rows, strict=True))
            labels = np.array([offsets[i] + self.sets[i].labels[row] for i, row in pairs])
            yield as_tensor(np.stack([self.sets[i].images[row] for i, row in pairs])).numpy(), one_hot[labels]


def _glyphs(name: str) -> KnownTarget:
    parts = read(name), read(name, "test")
    images = np.concatenate([part.images for part in parts])
    untrained = RECIPE.network.build(1, 16, len(parts[0].classes), seed=0)
    return KnownTarget(
        tuple(features(_network(shares), images) for shares in _mixtures(name)),
        (images.reshape(len(images), -1) / np.float32(255), features(untrained, images)),
        np.concatenate([part.labels for part in parts]),
        len(parts[0]),
    )


def _mixtures(target: str) -> list[Shares]:
    sources = [name for name in (*GLYPHS, "az_letters") if name != target]
    sizes = np.array([len(read(name)) for name in sources], float)
    projection, _ = nnls(np.stack([_moments(read(name)) for name in sources], 1), _moments(read(target)))
    drawn = seeds.stream(0, "small-labels mixtures", target).dirichlet(np.ones(len(sources)), RANDOM)
    rows = [*np.eye(len(sources)), sizes / sizes.sum(), projection / projection.sum(), *drawn]
    return [tuple((name, float(w)) for name, w in zip(sources, row, strict=True) if w > 0) for row in rows]


def _moments(data: LabelledSet) -> np.ndarray:
    """Mean and standard deviation of every pixel: a label-free place of a set among others."""
    return np.concatenate([data.images.mean(0).ravel(), data.images.std(0).ravel()])


@cache
def _network(shares: Shares) -> Network:
    """Trained on a union, or taken from the cache."""
    stream = Union(tuple(read(name) for name, _ in shares), tuple(w for _, w in shares))
    key = content_key("small-labels-network", version=1, shares=shares, recipe=RECIPE.key)

    def trained() -> dict[str, np.ndarray]:
        return {name: tensor.numpy() for name, tensor in pretrain(stream, RECIPE, 0).state_dict().items()}

    stored = Cache.default().arrays("small-labels-network", key, trained)
    network = RECIPE.network.build(1, 16, stream.class_count, 0)
    network.load_state_dict({name: torch.from_numpy(np.array(stored[name])) for name in network.state_dict()})
    return network


def _photographs(name: str) -> KnownTarget:
    from research.photographs.encoder import pooled
    from research.photographs.mixtures import TRAINING, mixtures, of_target
    from research.photographs.sets import photos, task

    asked = of_target(name)
    single = [one for one in asked if mixtures()[one].kind == "single"][:SINGLES]
    random = [one for one in asked if mixtures()[one].kind == "random"][:RANDOM]
    chosen = [*single, f"pooled: {name}", f"uniform: {name}", *random]

    def computed() -> dict[str, np.ndarray]:
        found = {"without": pooled(name)}
        for number, one in enumerate(chosen):
            state = TRAINING.run(mixtures()[one].weights, 0)[TRAINING.marks[-1]]
            found[str(number)] = pooled(name, state)
        return {key: x.astype(np.float16).view(np.uint8) for key, x in found.items()}

    key = content_key("small-labels-photographs", version=1, target=name, mixtures=chosen)
    stored = Cache.default().arrays("small-labels-photographs", key, computed)
    found = {part: np.asarray(x).view(np.float16).astype(np.float32) for part, x in stored.items()}
    rows = task(name).rows
    return KnownTarget(
        tuple(found[str(number)][rows] for number in range(len(chosen))),
        (found["without"][rows],),
        photos(name).labels[rows],
        len(task(name).train),
    )
