"""How long must the last block be trained? Asked on six targets, all of which were seen before the default was chosen.

    python -m research.photographs.lengths

The union of each target's sources, every image as often, as the library trains it: a one-cycle schedule of 50, 75, 100
or 150 steps that ends its rise at 0.001 or higher, and 150 on mirrored images too. Errors of the ridge head at five
labels a class, by itself and self-trained, on the trained features beside the pretrained ones; two trainings, five
draws of labels. Results: reports/data/photographs_lengths.jsonl.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from research.common.lines import Lines
from research.photographs.encoder import FLIP, PLAIN
from research.photographs.mixtures import mixtures
from research.photographs.scoring import features
from research.photographs.sets import FOLDER, TARGETS
from research.photographs.side_by_side import POOLED, entries, pretrained
from research.photographs.training import Training

FILE = Lines(FOLDER / "photographs_lengths.jsonl")
SEEDS, SHOTS = (0, 1), 5
WAYS = {f"{steps} steps": Training(marks=(steps,), schedule="one-cycle") for steps in (50, 75, 100, 150)}
USUAL = "100 steps, rate 0.002"
WAYS |= {
    f"{steps} steps, rate {rate:g}": Training(rate, marks=(steps,), schedule="one-cycle")
    for steps, rate in ((50, 2e-3), (50, 4e-3), (75, 2e-3), (100, 2e-3), (150, 2e-3))
}
WAYS["150 steps, mirrored too"] = Training(marks=(150,), schedule="one-cycle", views=(PLAIN, FLIP))


def trained(target: str, way: str, seed: int) -> dict[str, Any]:
    """Errors in [0, 1] of the draws of labels: "ridge", and "self-trained"."""
    (state,) = WAYS[way].run(mixtures()[f"{POOLED}: {target}"].weights, seed).values()
    both = np.concatenate([pretrained(target), features(state, target)], axis=1)
    ridge, taught, *_ = zip(*entries(target, SHOTS, both, again=True), strict=True)
    return {"ridge": list(ridge), "self-trained": list(taught)}


def main() -> None:
    asked = [{"target": target, "way": way, "seed": seed} for seed in SEEDS for target in TARGETS for way in WAYS]
    FILE.fill([(one, trained, tuple(one.values())) for one in asked], jobs=1)


if __name__ == "__main__":
    main()
