"""The last block trained on mixtures of real images of the sources, whose classes are disjoint; kept in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.nn.precision import has_bfloat16
from geosearch.nn.schedule import SCHEDULES
from geosearch.runtime.cache import Cache, content_key
from research.photographs.encoder import PLAIN, SHAPE, WIDTH, activations, encoder, tail
from research.photographs.sets import SETS, photos

State = dict[str, torch.Tensor]
Weights = tuple[tuple[str, float], ...]  # (set, weight) pairs, weights sum to one


@dataclass(frozen=True)
class Training:
    """How the last block is trained.

    Attributes:
        views: a batch draws one of them for each image.
        mixup: whether pairs of images are mixed at the cut, with shares uniform in [0, 1].
        marks: steps after which the weights are kept, ascending.
        schedule: of the learning rate, by its name in study files.
    """

    rate: float = 1e-3
    batch: int = 64
    views: tuple[str, ...] = (PLAIN,)
    mixup: bool = False
    marks: tuple[int, ...] = (50, 150)
    schedule: str = "constant"

    def run(self, weights: Weights, seed: int) -> dict[int, State]:
        """Weights of the tail at each mark, from the cache if they are there."""
        facts = {name: value for name, value in asdict(self).items() if (name, value) != ("schedule", "constant")}
        key = content_key("photographs-tail", encoder=encoder().key, weights=weights, seed=seed, **facts)
        stored = Cache.default().arrays("photographs-tail", key, lambda: self._train(weights, seed))
        names = list(tail().state_dict())
        return {
            mark: {name: torch.from_numpy(np.array(stored[f"{mark} {name}"])) for name in names} for mark in self.marks
        }

    def _train(self, weights: Weights, seed: int) -> dict[str, np.ndarray]:
        rng = seeds.stream(seed, "photographs training")
        pool = Pool.of(weights, self.views)
        stream = pool.mixed(self.batch, rng) if self.mixup else pool.batches(self.batch, rng)
        out: dict[str, np.ndarray] = {}
        marks = (self.marks, out)
        fit(stream, pool.classes, self.marks[-1], seed, rate=self.rate, marks=marks, schedule=self.schedule)
        return out


@dataclass(frozen=True, eq=False)
class Pool:
    """Images of several sets, their classes numbered one after another."""

    weights: np.ndarray  # (m,)
    views: tuple[tuple[np.ndarray, ...], ...]  # of each set: float16 (n, 192, 4, 4) of each view
    labels: tuple[np.ndarray, ...]
    classes: int

    @classmethod
    def of(cls, weights: Weights, views: Sequence[str]) -> Pool:
        labels, first = [], 0
        for name, _ in weights:
            known = photos(name)
            labels.append(known.labels[: known.train] + first)
            first += len(known.classes)
        found = tuple(tuple(_kept(name, view) for view in views) for name, _ in weights)
        shares = np.array([w for _, w in weights])
        return cls(shares / shares.sum(), found, tuple(labels), first)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """float32 (b, 192, 4, 4) and int64 (b,); each image whole from one set."""
        x, y = np.empty((size, *SHAPE), np.float32), np.empty(size, np.int64)
        for i, source in enumerate(rng.choice(len(self.weights), size, p=self.weights)):
            row = rng.integers(len(self.labels[source]))
            x[i] = self.views[source][rng.integers(len(self.views[source]))][row]
            y[i] = self.labels[source][row]
        return x, y

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            x, y = self.draw(size, rng)
            yield torch.from_numpy(x), F.one_hot(torch.from_numpy(y), self.classes).float()

    def mixed(self, size: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        plain = self.batches(size, rng)
        while True:
            (x, y), (x2, y2) = next(plain), next(plain)
            share = torch.from_numpy(rng.random(size).astype(np.float32))
            s = share[:, None, None, None]
            yield s * x + (1 - s) * x2, share[:, None] * y + (1 - share[:, None]) * y2


def fit(
    stream: Iterator[tuple[torch.Tensor, torch.Tensor]],
    classes: int,
    steps: int,
    seed: int,
    *,
    rate: float = 1e-3,
    start: State | None = None,
    marks: tuple[Sequence[int], dict[str, np.ndarray]] = ((), {}),
    schedule: str = "constant",
) -> tuple[nn.Module, nn.Linear]:
    """Train a tail and a linear head on batches of activations (b, 192, 4, 4) and soft labels (b, classes).

    AdamW; cross-entropy; norms keep their statistics. Products are computed in bfloat16, which halves the time.
    """
    network = tail(start).to(memory_format=torch.channels_last)
    torch.manual_seed(seeds.integer(seed, "photographs head"))
    head = nn.Linear(WIDTH, classes)
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], rate)
    rates = SCHEDULES.build(schedule, {})
    for step, (x, y) in enumerate(stream, 1):
        for group in optimizer.param_groups:
            group["lr"] = rate * rates.factor(step - 1, steps)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16("cpu")):
            scores = head(network(x.contiguous(memory_format=torch.channels_last)))
        loss = F.cross_entropy(scores.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in marks[0]:
            marks[1].update({f"{step} {name}": t.numpy().copy() for name, t in network.state_dict().items()})
        if step == steps:
            break
    return network, head


def weights_of(shares: Mapping[str, float]) -> Weights:
    """Positive shares, in the order of the sets, summing to one."""
    total = sum(shares.values())
    return tuple((name, round(shares[name] / total, 6)) for name in SETS if shares.get(name, 0) > 0)


@cache
def _kept(name: str, view: str) -> np.ndarray:
    return activations(name, view)[: photos(name).train].copy()
