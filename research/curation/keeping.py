"""Does it matter which images of the mixture are rehearsed while a network is fine-tuned?

    python -m research.curation.keeping [--targets mnist usps fashion_mnist kmnist] [--seeds 1]

A `SmallConv(16)` is pretrained for 300 steps on the target's projection on the hull of the four other grey sets, as a
cloud, at 16 px; then fine-tuned on 5 shots a class as studies do it, without rehearsal, with rehearsal of the whole
mixture, and of the quarter that unbalanced transport brings to the shots. Error on the test part. Results:
reports/data/keeping.jsonl; printed at the end. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.replay_selection import ReplaySelection
from geosearch.nn.train import pretrain
from research.common.lines import Lines
from research.common.mixtures import ground
from research.geometry_labels.worth import FOLDER, cheap, projection

WAYS: dict[str, Adaptation] = {
    "fine-tune": FineTuning(),
    "rehearse all": Rehearsal(),
    "rehearse a quarter": Rehearsal(selection=ReplaySelection()),
}


def outcome(target: str, seed: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    own = ground(target, seed)
    mixture = projection(own.prepared)
    network = pretrain(mixture, cheap(), seeds.integer(seed, "keeping"))
    shots, images = own.prepared.target.shots, own.prepared.target.test_images
    return {way: own.wrong(one.fit(network, shots, seed, mixture).predict(images)) for way, one in WAYS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=["mnist", "usps", "fashion_mnist", "kmnist"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    lines = Lines(FOLDER / "keeping.jsonl")
    lines.fill(
        [
            ({"target": target, "seed": seed}, outcome, (target, seed))
            for seed in range(options.seeds)
            for target in options.targets
        ],
        jobs=options.jobs,
    )
    for line in lines.all():
        print(line["asked"], {way: f"{100 * line[way]:.1f}" for way in WAYS})


if __name__ == "__main__":
    main()
