"""Which augmentation: fixed ranges, the automatic ones of torchvision, or one that is learned with the network?

    python -m research.neighbours.augmentations

Three questions, a small network at 16 px throughout. "symmetry": trained on upright and on rotated mnist, on mnist with
three channels and on mnist_m, what is learned, and what is the error on the test part? "targets": pretrained on the
pooled gray sets but the target, then a ridge head and fine-tuning on 5 shots, the augmentation of the row in both
trainings, or fixed ranges in the second (recolour as in a study: 1 on mnist_m). "rotated": the same, of mnist whose
every image is rotated at random. Five pretrainings, three draws of shots each. Results:
reports/data/neighbours_augmentations.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.nn.augmentation import NO_AUGMENTATION, Augmentation
from geosearch.nn.augmenter import Augmenter
from geosearch.nn.learned_augmentation import LearnedAugmentation
from geosearch.nn.networks import SmallConv
from geosearch.nn.policy_augmentation import PolicyAugmentation
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool, as_tensor
from geosearch.nn.train import predict, pretrain
from research.common.lines import Lines

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_augmentations.jsonl")
GREY = ("mnist", "usps", "kmnist", "fashion_mnist", "az_letters")
TARGETS = (*GREY, "mnist_m")
TRAINED_ON = {
    "upright": ("mnist", 1),
    "rotated": ("mnist", 1),
    "gray in color": ("mnist", 3),
    "mnist_m": ("mnist_m", 3),
}
MOST, STEPS, SHOTS, DRAWS, SEEDS = 4000, 300, 5, 3, 5


def augmentation(name: str, recolour: float) -> Augmenter:
    """The augmentation of a row."""
    if name == "none":
        return NO_AUGMENTATION
    if name == "learned":
        return LearnedAugmentation()
    if name in ("fixed", "any rotation"):
        return Augmentation(10.0 if name == "fixed" else 180.0, recolour=recolour)
    return replace(PolicyAugmentation(recolour=recolour), policy=name)


ROWS = ("none", "fixed", "trivial", "rand", "augmix", "learned")
WITH_ROTATION = (*ROWS, "any rotation")


@cache
def read(name: str, part: str, channels: int, is_rotated: bool = False) -> LabelledSet:
    """A set at 16 px; rotated, every image by an angle of its own."""
    data = load(f"npz:{Path(os.environ['GEOSEARCH_DATA']) / name}.npz", part=part)  # type: ignore[arg-type]
    data = data.sample(MOST // (1 + (part == "test")), seeds.stream(0, "sample", name, part))
    data = harmonize(data, size=16, channels=channels)
    if not is_rotated:
        return data
    turned = Augmentation(180.0, 0.0, 0.0)(as_tensor(data.images), seeds.torch_stream(0, "rotated", name, part))
    return replace(data, images=(turned * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy())


def symmetry(data: str, row: str, seed: int) -> dict[str, Any]:
    """Error in [0, 1] on the test part, and the probabilities that were learned."""
    name, channels = TRAINED_ON[data]
    train, test = (read(name, part, channels, data == "rotated") for part in ("train", "test"))
    begin = time.process_time()
    network = pretrain(
        Pool((train,)), Recipe(SmallConv(16), STEPS, augmentation=augmentation(row, channels == 3)), seed
    )
    seconds = time.process_time() - begin
    learned = {kind: [round(p, 3) for p in found] for kind, found in (network.learned_augmentation or {}).items()}
    wrong = predict(network, test.images).argmax(1) != test.labels
    return {"error": round(float(wrong.mean()), 5), "learned": learned, "seconds": round(seconds, 2)}


def targets(target: str, row: str, seed: int, is_rotated: bool = False) -> dict[str, Any]:
    """Head -> errors in [0, 1] of the draws; processor seconds of the pretraining and of a fine-tuning."""
    channels = 3 if target == "mnist_m" else 1
    how = augmentation(row, recolour=channels == 3)
    train, test = (read(target, part, channels, is_rotated) for part in ("train", "test"))
    pool = Pool(tuple(read(name, "train", channels) for name in GREY if name != target))
    begin = time.process_time()
    network = pretrain(pool, Recipe(SmallConv(16), STEPS, augmentation=how), seed)
    pretraining = time.process_time() - begin
    found: dict[str, list[float]] = {}
    fixed = Augmentation(recolour=channels == 3)
    heads: dict[str, Adaptation] = {
        "ridge": RidgeHead(),
        "fine-tune": FineTuning(augmentation=how),
        "fine-tune, fixed": FineTuning(augmentation=fixed),
    }
    spent = 0.0
    for draw in range(DRAWS):
        order = seeds.stream(seed, "shots", target, draw).permutation(len(train))
        rows = [order[train.labels[order] == label][:SHOTS] for label in range(len(train.classes))]
        few = train.take(np.concatenate(rows))
        for name, head in heads.items():
            begin = time.process_time()
            fitted = head.fit(network, few, draw)
            spent += (time.process_time() - begin) * (name == "fine-tune")
            wrong = fitted.predict(test.images).argmax(1) != test.labels
            found.setdefault(name, []).append(round(float(wrong.mean()), 5))
    return {"errors": found, "seconds": [round(pretraining, 2), round(spent / DRAWS, 2)]}


def rotated(target: str, row: str, seed: int) -> dict[str, Any]:
    return targets(target, row, seed, is_rotated=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    asked = [
        (question, what, row, seed)
        for seed in range(parser.parse_args().seeds)
        for question, sets, rows in (
            (symmetry, TRAINED_ON, WITH_ROTATION),
            (rotated, ("mnist",), WITH_ROTATION),
            (targets, TARGETS, ROWS),
        )
        for what in sets
        for row in rows
    ]
    tasks = [
        ({"question": function.__name__, "of": what, "row": row, "seed": seed}, function, (what, row, seed))
        for function, what, row, seed in asked
    ]
    FILE.fill(tasks, jobs=1)


if __name__ == "__main__":
    main()
