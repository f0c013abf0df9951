"""How much of a mixture do 1, 10 and 50 images per class hold: learned ones, random ones, medoids?

    python -m research.neighbours.condensation [--seeds 5] [--per-class 10]

The mixture is the target's projection on the hull of the four other grey sets, as a cloud; 4,000 of its images are
condensed by each way. Protocol as in geometry_labels.py: 300 steps of a `SmallConv(16)` at 16 px on what is left,
frozen features, a ridge head on 5 shots a class, error on the test part. The last line is the mixture itself.
Results: reports/data/condensation.jsonl; printed at the end. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist

from geosearch import seeds
from geosearch.mixture.distillation import Condensation, group_by_top_label, sample_rows
from geosearch.nn.streams import FixedSet, draw_images
from geosearch.nn.train import pretrain
from research.common.lines import Lines
from research.common.mixtures import ground
from research.geometry_labels.worth import FOLDER, cheap, projection, wrong
from research.model.networks import GLYPHS

SIZE = 4000
WAYS = ("learned", "random", "medoids")
WHOLE = "whole mixture"


def outcome(target: str, way: str, per_class: int, seed: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    prepared = ground(target, seed).prepared
    mixture = projection(prepared)
    start = time.process_time()
    if way == WHOLE:
        stream: Any = mixture
    elif way == "learned":
        stream = Condensation(per_class).learn(mixture, SIZE, seed)
    else:
        images, labels = draw_images(mixture, SIZE, seeds.stream(seed, "condense", "draw"))
        groups = group_by_top_label(labels)
        chosen = sample_rows(groups, per_class, seeds.stream(seed, "condense", "start"))
        if way == "medoids":
            chosen = [medoids(images, rows, first) for rows, first in zip(groups, chosen, strict=True)]
        rows = np.concatenate(chosen)
        stream = FixedSet(images[rows], labels[rows], mixture.class_names)
    seconds = time.process_time() - start
    network = pretrain(stream, cheap(), seeds.integer(seed, "condensation"))
    images_kept = SIZE if way == WHOLE else len(stream)
    return {"error": wrong(network, prepared.target, seed), "cpu_seconds": seconds, "images": images_kept}


def medoids(images: np.ndarray, rows: np.ndarray, first: np.ndarray) -> np.ndarray:
    """k-medoids of one class in pixels, by alternation from a random start: each medoid the centre of its cell."""
    distances = cdist(*[images[rows].reshape(len(rows), -1)] * 2)
    places = np.searchsorted(rows, first)
    for _ in range(30):
        cell = distances[:, places].argmin(1)
        members = [np.flatnonzero(cell == k) for k in range(len(places))]
        new = np.array(
            [
                own[distances[np.ix_(own, own)].sum(1).argmin()] if len(own) else place
                for own, place in zip(members, places, strict=True)
            ]
        )
        if (new == places).all():
            break
        places = new
    return rows[places]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(GLYPHS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--per-class", nargs="+", type=int, default=[10], help="images that are left")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    lines = Lines(FOLDER / "condensation.jsonl")
    asked = [(way, per_class) for per_class in options.per_class for way in WAYS] + [(WHOLE, 0)]
    lines.fill(
        [
            ({"target": target, "way": way, "per_class": count, "seed": seed}, outcome, (target, way, count, seed))
            for seed in range(options.seeds)
            for target in options.targets
            for way, count in asked
        ],
        jobs=options.jobs,
    )
    for way, count in asked:
        found = [line for line in lines.all() if (line["asked"]["way"], line["asked"]["per_class"]) == (way, count)]
        errors = [
            [100 * line["error"] for line in found if line["asked"]["target"] == target] for target in options.targets
        ]
        shown = "  ".join(f"{np.mean(one):5.1f} ({len(one)})" for one in errors)
        seconds = np.mean([line["cpu_seconds"] for line in found])
        print(f"{way:<14} {count:>3} per class   {shown}   {seconds:.0f} CPU seconds")


if __name__ == "__main__":
    main()
