"""The paper's VTAB setting: many labels, ResNet-18 from nothing, pretrained on mixtures of photographs made of pixels.

    python -m research.photographs.from_scratch [--targets rsscn7 seedlings] [--seeds 1] [--pixels 32]

All labels of the target's training part (the paper has 1,000) and its six sources; the maps, the hull and the
mixtures are the library's, in pixels, with the true labels. ResNet-18 in ImageNet's form is pretrained for `STEPS`
steps on each row's data, then fine-tuned on the labels for as many; few labels alone are also trained for twice as
many. Nothing is tuned on the target. Errors on the test part. Results: reports/data/photographs_from_scratch.jsonl.

Source: Fan & Alvarez-Melis 2023, section 5 (Oxford Pets with VTAB's sources).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torchvision.models import resnet18

from geosearch.adaptation import FineTuning
from geosearch.confirmation.intervals import t_half_width
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import resize
from geosearch.embeddings import SourceClassifier
from geosearch.mixture import Anchors, Hull, Mixture, Weights, build_anchors
from geosearch.mixture.baselines import CLOUD, MIXUP, POOLED, PROJECTION, SINGLE, UNIFORM, baseline_weights
from geosearch.nn import Augmentation, Network, Recipe
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from research.common.lines import Lines
from research.photographs.sets import FOLDER, TARGETS, photos, sources_of, task

FILE = Lines(FOLDER / "photographs_from_scratch.jsonl")
STEPS, BATCH, RATE = 300, 64, 2e-3
ALONE, LONGER = "labels alone", "labels alone, twice as long"
BEST_SINGLE = "best single source (by test error)"
ROWS = (ALONE, LONGER, POOLED, MIXUP, UNIFORM, PROJECTION, CLOUD)
VIEWS = Augmentation(rotate=0, scale=0, translate=0, crop=0.3, flip=True)


@dataclass(frozen=True)
class ImageNetForm:
    """ResNet-18 with its first convolution of stride 2 and its pooling, from random weights."""

    is_pretrained: ClassVar[bool] = False

    @property
    def facts(self) -> dict[str, Any]:
        return {"architecture": "resnet18 of torchvision"}

    def build(self, channels: int, size: int, classes: int, seed: int) -> Network:
        torch.manual_seed(seed)
        body = resnet18()
        width = body.fc.in_features
        body.fc = nn.Identity()
        return Network(body.to(memory_format=torch.channels_last), nn.Linear(width, classes))

    def after_pretraining(self, network: Network, size: int) -> Network:
        return network


def measured(target: str, row: str, seed: int, pixels: int) -> dict[str, Any]:
    """Test error of a row, and the weights of the sources."""
    labelled, test, anchors = made(target, pixels)
    recipe = Recipe(ImageNetForm(), STEPS, BATCH, RATE, augmentation=VIEWS, precision="bfloat16")
    steps = STEPS * (2 if row == LONGER else 1)
    with one_thread():
        if row in (ALONE, LONGER):
            network, weights = recipe.network.build(3, pixels, len(labelled.classes), seed), None
        else:
            weights = mixtures(anchors)[row]
            network = pretrain(Mixture(anchors, weights), recipe, seed)
        tuning = FineTuning(
            steps=steps, batch=BATCH, learning_rate=RATE, label_smoothing=0.0, augmentation=VIEWS, precision="bfloat16"
        )
        predicted = tuning.fit(network, labelled, seed).predict(test.images).argmax(1)
    return {
        "error": round(float((predicted != test.labels).mean()), 5),
        "weights": None if weights is None else [round(float(value), 4) for value in weights.values],
    }


@lru_cache(maxsize=1)
def made(target: str, pixels: int) -> tuple[LabelledSet, LabelledSet, Anchors]:
    """The target's labelled images, its test part, and the sources mapped from the labelled images."""
    known, images = task(target), photos(target).images
    labelled, test = (
        LabelledSet.from_arrays(resize(images[rows], pixels), labels, name=target, classes=known.classes)
        for rows, labels in ((known.train, known.train_labels), (known.test, known.test_labels))
    )
    sources = []
    for name in sources_of(target):
        one = photos(name)
        kept = slice(one.train)
        sources.append(
            LabelledSet.from_arrays(resize(one.images[kept], pixels), one.labels[kept], name=name, classes=one.classes)
        )
    encoder = SourceClassifier(augmentation=VIEWS).fit(sources, seed=0, cache=Cache.default())
    return labelled, test, build_anchors(labelled, sources, encoder)


def mixtures(anchors: Anchors) -> dict[str, Weights]:
    """The rows that are mixtures; "uniform" and the projection are the paper's."""
    names = [source.name for source in anchors.sources]
    return baseline_weights(names, [source.size for source in anchors.sources], Hull.of(anchors))


def table() -> list[str]:
    """Test errors, and their differences from labels alone with an interval over seeds where there are several."""
    found: dict[tuple[str, str], list[float]] = {}
    for line in FILE.all():
        found.setdefault((line["asked"]["target"], line["asked"]["row"]), []).append(100 * line["error"])
    targets = [t for t in TARGETS if all((t, row) in found for row in ROWS)]
    for target in targets:
        singles = [errors for (t, row), errors in found.items() if t == target and row.startswith(SINGLE)]
        if singles:
            found[target, BEST_SINGLE] = min(singles, key=lambda errors: float(np.mean(errors)))
    if not targets:
        return []
    lines = [f"| all labels, ResNet-18 from nothing | {' | '.join(targets)} |", "| --- " * (len(targets) + 1) + "|"]
    for row in (*ROWS, BEST_SINGLE):
        cells = [_cell(found.get((t, row), []), [] if row == ALONE else found[t, ALONE]) for t in targets]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def _cell(errors: Sequence[float], base: Sequence[float]) -> str:
    if not errors:
        return "-"
    gaps = [own - other for own, other in zip(errors, base, strict=False)]
    if not gaps:
        return f"{np.mean(errors):.1f}"
    width = f" ± {t_half_width(gaps):.1f}" if len(gaps) > 1 else ""
    return f"{np.mean(errors):.1f} ({np.mean(gaps):+.1f}{width})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=["rsscn7", "seedlings"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--pixels", type=int, default=32)
    options = parser.parse_args()
    FILE.fill(
        [
            (
                {"target": target, "row": row, "seed": seed, "pixels": options.pixels},
                measured,
                (target, row, seed, options.pixels),
            )
            for seed in range(options.seeds)
            for target in options.targets
            for row in (*ROWS, *(SINGLE + name for name in sources_of(target)))
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
