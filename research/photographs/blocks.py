"""What does training the last block on the target itself gain, alone and together with the sources?

    python -m research.photographs.blocks

At five labels a class. Ways: fine-tuned on the labels alone; on the labels and the confident pseudo-labels of the
self-trained ridge head (a student); FixMatch-like, with mirrored images as weak and random parts as strong views;
joint training, with half of each batch from the uniform union of the sources; a student that starts from the block
trained on the pooled sources; self-supervised on the target's images (SimCLR, a mirrored image and a random part as
its two views), alone, before, after and beside the pooled sources. Errors of the network's own head and of the ridge
head (self-trained too) on its features. Results: reports/data/photographs_blocks.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.adaptation.fixmatch import consistency
from geosearch.adaptation.self_training import top_confident
from geosearch.nn.precision import has_bfloat16
from geosearch.pretraining.simclr import nt_xent
from geosearch.transport.solvers.class_balance import allocate, class_factors
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.encoder import CROP, FLIP, PLAIN, WIDTH, activations, tail
from research.photographs.mixtures import TRAINING, mixtures
from research.photographs.scoring import SELF_TRAINING, features, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, sources_of, task
from research.photographs.training import Pool, State, fit, weights_of

FILE = Lines(FOLDER / "photographs_blocks.jsonl")
SHOTS, STEPS, BATCH = 5, 60, 64
JOINT_STEPS = 150
FRACTION, BALANCE = SELF_TRAINING["fraction"], SELF_TRAINING["balance"]
THRESHOLD = 0.95
PROJECTED, TEMPERATURE = 64, 0.5  # of the self-supervised ways, as in `geosearch.pretraining.SimCLR`
Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


def fine_tuned(target: str, draw: int) -> tuple[nn.Module, nn.Linear]:
    """On the labels alone: plain, mirrored, or a random part."""
    rows, labels = _shots(target, draw)
    stream = _batches(target, rows, labels, BATCH, seeds.stream(draw, "photographs fine-tune"))
    return fit(stream, _classes(target), STEPS, draw, rate=RATE)


RATE = 3e-4


def student(target: str, draw: int, start: State | None = None) -> tuple[nn.Module, nn.Linear]:
    """On the labels (half of a batch) and the images that the self-trained ridge head is confident of."""
    known, z = task(target), features(start, target)
    labelled = few(target, SHOTS, draw, z)
    scores = heads.confident(heads.self_trained(labelled, **SELF_TRAINING)(labelled.u))
    scores = allocate(scores, class_factors(scores, BALANCE))
    sure = top_confident(scores, FRACTION)
    rows, labels = _shots(target, draw)
    rest = np.setdiff1d(np.arange(len(known.train)), rows)
    rng = seeds.stream(draw, "photographs student")
    stream = _joined(
        _batches(target, rows, labels, BATCH // 4, rng),
        _batches(target, rest[sure], scores[sure].argmax(1), BATCH - BATCH // 4, rng),
    )
    return fit(stream, len(known.classes), STEPS, draw, rate=RATE, start=start)


def pooled_student(target: str, draw: int) -> tuple[nn.Module, nn.Linear]:
    return student(target, draw, pooled_state(target))


def joint(target: str, draw: int) -> tuple[nn.Module, nn.Linear]:
    """Half of a batch from the labels, half from the uniform union of the sources, whose classes come after."""
    pool = Pool.of(weights_of(dict.fromkeys(sources_of(target), 1.0)), (PLAIN,))
    rng, (rows, labels), c = seeds.stream(draw, "photographs joint"), _shots(target, draw), _classes(target)
    own = _batches(target, rows, labels, BATCH // 2, rng)
    both = (
        (torch.cat([x, x2]), torch.cat([F.pad(y, (0, pool.classes)), F.pad(y2, (c, 0))]))
        for (x, y), (x2, y2) in zip(own, pool.batches(BATCH // 2, rng), strict=True)
    )
    return fit(both, c + pool.classes, JOINT_STEPS, draw)


def fixmatch(target: str, draw: int) -> tuple[nn.Module, nn.Linear]:
    """Confident predictions of a weak view label a strong one. Source: Sohn et al. 2020, on cached views."""
    known, (rows, labels) = task(target), _shots(target, draw)
    rest, rng = np.setdiff1d(np.arange(len(known.train)), rows), seeds.stream(draw, "photographs fixmatch")
    own = _batches(target, rows, labels, BATCH // 2, rng)
    network = tail().to(memory_format=torch.channels_last)
    torch.manual_seed(seeds.integer(draw, "photographs head"))
    head = nn.Linear(WIDTH, len(known.classes))
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], RATE)
    for _ in range(2 * STEPS):
        x, y = next(own)
        chosen = rng.choice(rest, BATCH // 2)
        weak, strong = (torch.from_numpy(_view(target, view)[chosen].astype(np.float32)) for view in (FLIP, CROP))
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16("cpu")):
            scores = head(network(torch.cat([x, weak, strong]).contiguous(memory_format=torch.channels_last))).float()
        labelled, weak_scores, strong_scores = scores.split(BATCH // 2)
        loss = F.cross_entropy(labelled, y) + consistency(weak_scores, strong_scores, THRESHOLD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network, head


def contrasted(target: str, draw: int, start: State | None = None, sources: float = 0.0) -> tuple[nn.Module, None]:
    """Which two views are of the same image? NT-Xent on all training images of the target; no label is used.

    Source: Chen et al. 2020, on cached views.

    Args:
        start: weights of the block; the pretrained ones if None.
        sources: factor of the cross-entropy on the pooled sources in the loss.
    """
    rng, n = seeds.stream(draw, "photographs contrast"), len(task(target).train)
    pool = Pool.of(mixtures()[f"pooled: {target}"].weights, (PLAIN,))
    other = pool.batches(BATCH, rng)
    network = tail(start).to(memory_format=torch.channels_last)
    torch.manual_seed(seeds.integer(draw, "photographs head"))
    projector = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, PROJECTED))
    head = nn.Linear(WIDTH, pool.classes)
    optimizer = torch.optim.AdamW([*network.parameters(), *projector.parameters(), *head.parameters()], RATE)
    for _ in range(JOINT_STEPS if sources else STEPS):
        chosen = rng.choice(n, min(n, BATCH), replace=False)
        x = torch.cat([torch.from_numpy(_view(target, view)[chosen].astype(np.float32)) for view in (FLIP, CROP)])
        x2, y2 = next(other) if sources else (x[:0], torch.empty(0, pool.classes))
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16("cpu")):
            z, z2 = network(torch.cat([x, x2]).contiguous(memory_format=torch.channels_last)).split([len(x), len(x2)])
            views, scores = projector(z).float(), head(z2).float()
        loss = nt_xent(views, TEMPERATURE)
        if sources:
            loss = loss + sources * F.cross_entropy(scores, y2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network, None


def contrasted_then_pooled(target: str, draw: int) -> tuple[nn.Module, None]:
    network, _ = contrasted(target, draw)
    pool = Pool.of(mixtures()[f"pooled: {target}"].weights, (PLAIN,))
    stream = pool.batches(BATCH, seeds.stream(draw, "photographs training"))
    start = {name: t.detach() for name, t in network.state_dict().items()}
    return fit(stream, pool.classes, JOINT_STEPS, draw, start=start)[0], None


def pooled_then_contrasted(target: str, draw: int) -> tuple[nn.Module, None]:
    return contrasted(target, draw, pooled_state(target))


def contrasted_beside_pooled(target: str, draw: int) -> tuple[nn.Module, None]:
    return contrasted(target, draw, sources=1.0)


WAYS: Mapping[str, Callable[[str, int], tuple[nn.Module, nn.Linear | None]]] = {
    "fine-tuned on the labels": fine_tuned,
    "student": student,
    "student from pooled": pooled_student,
    "joint": joint,
    "FixMatch-like": fixmatch,
    "self-supervised": contrasted,
    "self-supervised, then pooled": contrasted_then_pooled,
    "pooled, then self-supervised": pooled_then_contrasted,
    "self-supervised beside pooled": contrasted_beside_pooled,
}


def measured(target: str, draw: int, way: str) -> dict[str, Any]:
    """Test errors: of its own head if it has one, of the ridge head on its features, and of that self-trained."""
    network, head = WAYS[way](target, draw)
    known, state = task(target), {name: t.detach() for name, t in network.state_dict().items()}
    z, n = features(state, target), len(known.train)
    labelled, test = few(target, SHOTS, draw, z), z[n:]
    own = None
    if head is not None:
        with torch.no_grad():
            guesses = head(torch.from_numpy(test))[:, : len(known.classes)].argmax(1).numpy()
        own = round(float((guesses != known.test_labels).mean()), 5)
    ridge = heads.error(heads.ridge(labelled), test, known.test_labels)[0]
    again = heads.error(heads.self_trained(labelled, **SELF_TRAINING), test, known.test_labels)[0]
    return {
        "own": own,
        "ridge": round(ridge, 5),
        "again": round(again, 5),
    }


@cache
def pooled_state(target: str) -> State:
    one = mixtures()[f"pooled: {target}"]
    return TRAINING.run(one.weights, 0)[TRAINING.marks[-1]]


def _classes(target: str) -> int:
    return len(task(target).classes)


def _shots(target: str, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the target's training part, and labels."""
    rows = task(target).draw(SHOTS, draw)
    return rows, task(target).train_labels[rows]


def _batches(target: str, rows: np.ndarray, labels: np.ndarray, size: int, rng: np.random.Generator) -> Batches:
    """Of each image a view at random: plain, mirrored, or a part."""
    views = [_view(target, view) for view in (PLAIN, FLIP, CROP)]
    while True:
        chosen = rng.integers(len(rows), size=size)
        x = np.stack([views[rng.integers(len(views))][rows[i]] for i in chosen]).astype(np.float32)
        yield torch.from_numpy(x), F.one_hot(torch.from_numpy(labels[chosen]), _classes(target)).float()


def _joined(first: Batches, second: Batches) -> Batches:
    for (x, y), (x2, y2) in zip(first, second, strict=True):
        yield torch.cat([x, x2]), torch.cat([y, y2])


@cache
def _view(target: str, view: str) -> np.ndarray:
    return activations(target, view)[task(target).train]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "draw": draw, "way": way}, measured, (target, draw, way))
            for draw in range(options.draws)
            for way in options.ways
            for target in TARGETS
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
