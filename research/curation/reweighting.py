"""Does learning to reweight keep wrong labels from harming a training, and does it find them?

    python -m research.curation.reweighting [--sets mnist fashion_mnist kmnist usps] [--seeds 2]

2,000 training images at 16 px, a fifth of their labels replaced by another one at random, and 10 clean images a class.
A `SmallConv(16)` is trained for 300 steps on the noisy and the clean images together; reweighted by meta-gradient, the
clean ones deciding; on the right labels alone (the bound); on the clean images alone. Error on the test part; AUC of
the mean weights as a score of right labels. Results: reports/data/reweighting.jsonl; printed at the end. Needs
$GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import predict, pretrain
from geosearch.pretraining.meta_reweighting import MetaReweighting
from research.common.lines import Lines
from research.common.mixtures import DATA, SIZE

FOLDER = Path(__file__).parents[2] / "reports" / "data"
WAYS = ("noisy and clean", "reweighted", "right labels only", "clean only")
TRAIN, CLEAN, NOISE = 2000, 10, 0.2
RECIPE = Recipe(network=SmallConv(16))


def outcome(name: str, way: str, seed: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    noisy, clean, wrong = cut(name, seed)
    start, facts, training = time.process_time(), {}, seeds.integer(seed, "reweighting")
    if way == "reweighted":
        found = MetaReweighting(RECIPE).train(noisy, clean, training)
        network, facts = found.network, {"auc": float(roc_auc_score(~wrong, np.nan_to_num(found.weights, nan=1.0)))}
    else:
        data = {
            "noisy and clean": noisy.concatenate(clean),
            "right labels only": noisy.take(np.flatnonzero(~wrong)).concatenate(clean),
            "clean only": clean,
        }[way]
        network = pretrain(Pool((data,)), RECIPE, training)
    seconds = time.process_time() - start
    whole = load(f"npz:{DATA / name}.npz", part="test")
    test = harmonize(whole.sample(2000, seeds.stream(0, "test", name)), size=SIZE, channels=1)
    return {"error": float((predict(network, test.images).argmax(1) != test.labels).mean()), "s": seconds, **facts}


def cut(name: str, seed: int) -> tuple[LabelledSet, LabelledSet, np.ndarray]:
    """Noisy training images, clean ones, and which labels of the former are wrong (n,)."""
    rng = seeds.stream(seed, "noise", name)
    data = load(f"npz:{DATA / name}.npz")
    classes = len(data.classes)
    data = harmonize(data.sample(TRAIN + CLEAN * classes, rng), size=SIZE, channels=1)
    rows = np.concatenate([np.flatnonzero(data.labels == label)[:CLEAN] for label in range(classes)])
    noisy = data.take(np.setdiff1d(np.arange(len(data)), rows))
    wrong = rng.random(len(noisy)) < NOISE
    moved = (noisy.labels + rng.integers(1, classes, len(noisy))) % classes
    return replace(noisy, labels=np.where(wrong, moved, noisy.labels)), data.take(rows), wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=["mnist", "fashion_mnist", "kmnist", "usps"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    lines = Lines(FOLDER / "reweighting.jsonl")
    lines.fill(
        [
            ({"set": name, "way": way, "seed": seed}, outcome, (name, way, seed))
            for seed in range(options.seeds)
            for name in options.sets
            for way in WAYS
        ],
        jobs=options.jobs,
    )
    for name in options.sets:
        for way in WAYS:
            found = [line for line in lines.all() if (line["asked"]["set"], line["asked"]["way"]) == (name, way)]
            errors = " ".join(f"{100 * line['error']:.1f}" for line in found)
            auc = " ".join(f"{line['auc']:.2f}" for line in found if "auc" in line)
            print(f"{name:<14} {way:<18} {errors:<12} {np.mean([line['s'] for line in found]):4.0f} CPU s  {auc}")


if __name__ == "__main__":
    main()
