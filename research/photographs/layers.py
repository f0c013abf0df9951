"""Does it matter more which source it is if all layers are trained, or a network from nothing?

    python -m research.photographs.layers

A few cells only, since each is expensive. All layers of the pretrained encoder at 128 px (norms with frozen statistics,
rate 0.0003, 150 steps of 32), and a ResNet-18 from nothing at 32 px (rate 0.001, 300 steps of 64), each on single
sources and on the uniform union of rsscn7's sources. Errors of the ridge head at five labels a class on the new
features, and self-trained. Results: reports/data/photographs_layers.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.nn.precision import has_bfloat16
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.encoder import PIXELS, encoder
from research.photographs.scoring import SELF_TRAINING, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, photos, sources_of, task

FILE = Lines(FOLDER / "photographs_layers.jsonl")
ALL, SCRATCH = "all layers", "from nothing"
NONE, UNIFORM = "none", "uniform: rsscn7"
TRAINED_ON = (NONE, "aid", "dtd10", "seedlings", UNIFORM)
SMALL, SHOTS = 32, 5


class Features(nn.Module):
    """Images (b, 3, 64, 64) in [0, 1] -> features (b, d), at another size."""

    def __init__(self, network: nn.Module, pixels: int, width: int, frozen: bool) -> None:
        super().__init__()
        self.network, self.pixels, self.width, self.frozen = network, pixels, width, frozen

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.interpolate(x, (self.pixels, self.pixels), mode="bicubic", align_corners=False, antialias=True)
        return self.network(((x.clamp(0, 1) - 0.5) / 0.5).contiguous(memory_format=torch.channels_last))

    def train(self, mode: bool = True) -> Features:
        return super().train(mode and not self.frozen)


def pretrained() -> Features:
    network = deepcopy(encoder().network).requires_grad_(True)
    return Features(network.to(memory_format=torch.channels_last), PIXELS, 1280, frozen=True)


def from_nothing() -> Features:
    from torchvision.models import resnet18

    torch.manual_seed(seeds.integer(0, "photographs resnet"))
    network = resnet18()
    network.fc = nn.Identity()
    return Features(network.to(memory_format=torch.channels_last), SMALL, 512, frozen=False)


WAYS: dict[str, tuple[Callable[[], Features], float, int, int]] = {  # network, rate, steps, batch
    ALL: (pretrained, 3e-4, 150, 32),
    SCRATCH: (from_nothing, 1e-3, 300, 64),
}


def measured(way: str, source: str) -> dict[str, Any]:
    """Target -> of each draw the errors of the ridge head and of self-training."""
    build, rate, steps, batch = WAYS[way]
    network = build()
    if source != NONE:
        sources = sources_of(source.split(": ")[1]) if ":" in source else (source,)
        _train(network, sources, rate, steps, batch)
    targets = [source.split(": ")[1]] if ":" in source else [t for t in TARGETS if t != source]
    return {"errors": {target: _errors(network.eval(), target) for target in targets}}


def _train(network: Features, sources: tuple[str, ...], rate: float, steps: int, batch: int) -> None:
    classes = sum(len(photos(name).classes) for name in sources)
    torch.manual_seed(seeds.integer(0, "photographs head"))
    head = nn.Linear(network.width, classes)
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], rate)
    network.train()
    stream = _batches(sources, batch)
    for _ in range(steps):
        x, y = next(stream)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16("cpu")):
            scores = head(network(x))
        loss = F.cross_entropy(scores.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _batches(sources: tuple[str, ...], size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Each source alike, half of the images mirrored."""
    rng, known = seeds.stream(0, "photographs layers"), [photos(name) for name in sources]
    first = np.cumsum([0, *(len(one.classes) for one in known)])
    while True:
        images, labels = [], []
        for source in rng.integers(len(known), size=size):
            row = rng.integers(known[source].train)
            image = known[source].images[row]
            images.append(image[:, ::-1] if rng.random() < 0.5 else image)
            labels.append(known[source].labels[row] + first[source])
        yield _tensor(np.stack(images)), torch.tensor(labels)


@torch.no_grad()
def _errors(network: Features, target: str) -> list[list[float]]:
    known, images = task(target), photos(target).images[task(target).rows]
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16("cpu")):
        parts = [network(_tensor(images[i : i + 128])).float() for i in range(0, len(images), 128)]
    z, n, found = torch.cat(parts).numpy(), len(known.train), []
    for draw in range(DRAWS):
        labelled = few(target, SHOTS, draw, z)
        ridge = heads.error(heads.ridge(labelled), z[n:], known.test_labels)[0]
        again = heads.error(heads.self_trained(labelled, **SELF_TRAINING), z[n:], known.test_labels)[0]
        found.append([round(ridge, 5), round(again, 5)])
    return found


def _tensor(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=[SCRATCH, ALL])
    parser.add_argument("--sources", nargs="+", choices=TRAINED_ON, default=list(TRAINED_ON))
    options = parser.parse_args()
    FILE.fill(
        [
            ({"way": way, "source": source}, measured, (way, source))
            for way in options.ways
            for source in options.sources
            if (way, source) != (ALL, NONE)
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
