"""Does it pay to search the ranges of the augmentation beside the weights (`recipe.augmentation = "searched"`)?

    python -m research.neighbours.searched_augmentation

Two studies of each target and seed, of equal numbers of evaluations, which differ in this key alone: 5 shots, 16 px, a
small network, 20 evaluations of 300 steps. Error of the best mixture on the test part, after a ridge head and after
fine-tuning. Results: reports/data/neighbours_searched_augmentation.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from geosearch.confirmation.row import BEST
from geosearch.study.study import Study
from research.common.lines import Lines
from research.common.mixtures import study_file
from research.neighbours.augmentations import TARGETS

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_searched_augmentation.jsonl")
SEEDS = 5
WAYS = ("fixed", "searched")


def errors(target: str, way: str, seed: int) -> dict[str, Any]:
    """Adaptation -> error in [0, 1]; processor seconds of the study."""
    begin = time.process_time()
    file = study_file(
        target,
        seed,
        search={"evaluations": 20, "finalists": 1, "jobs": 1, "stop": "never"},
        recipe={"width": 16, "steps": 300, "long_steps": 300, "augmentation": way},
        confirm={"seeds": 1, "export": 1, "explain": False, "variants": [], "controls": [], "tuning": 0},
    )
    with tempfile.TemporaryDirectory() as folder:
        study = Study.open(file, storage=f"sqlite:///{folder}/{way}.db")
        study.run()
    assert study.confirmation is not None
    best = next(row for row in study.confirmation.rows if row.name == BEST)
    found = {name: round(values[0], 5) for name, values in best.top1_errors.items()}
    return {"errors": found, "seconds": round(time.process_time() - begin, 1)}


def main() -> None:
    asked = [(target, way, seed) for seed in range(SEEDS) for target in TARGETS for way in WAYS]
    FILE.fill([(dict(zip(("target", "way", "seed"), one, strict=True)), errors, one) for one in asked], jobs=1)


if __name__ == "__main__":
    main()
