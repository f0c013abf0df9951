"""What if labels are uneven: five a class in the mean, but ten times as many of one class as of another?

    python -m research.photographs.uneven

Numbers of labels fall geometrically over the classes, in an order of the draw; unlabelled images and test part are as
in all other tables, where classes are about equally frequent. Heads on the pretrained features, with the settings that
without.py chose. Results: reports/data/photographs_uneven.jsonl.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from research.common.lines import Lines
from research.photographs import heads
from research.photographs.choice import SPREADING, WAYS
from research.photographs.heads import Few
from research.photographs.scoring import SELF_TRAINING
from research.photographs.sets import DRAWS, FOLDER, TARGETS, task
from research.photographs.without import pretrained

FILE = Lines(FOLDER / "photographs_uneven.jsonl")
HEADS = {
    "ridge": WAYS["ridge"],
    "nearest mean": heads.nearest_mean,
    "label spreading": WAYS["label spreading"],
    "label spreading, classes known to be even": lambda few: heads.spreading(few, **{**SPREADING, "balance": 1.0}),
    "self-training": WAYS["self-training"],
    "self-training, classes known to be even": lambda few: heads.self_trained(few, **{**SELF_TRAINING, "balance": 1.0}),
}


def fitted(target: str, draw: int) -> dict[str, Any]:
    """Test error and balanced test error of every head."""
    known, z = task(target), pretrained(target)
    chosen, classes = known.draw_uneven(draw), len(known.classes)
    rest = np.setdiff1d(np.arange(len(known.train)), chosen)
    labelled = Few(z[chosen], known.train_labels[chosen], classes, z[rest])
    test, y = z[len(known.train) :], known.test_labels
    errors = {name: [round(value, 5) for value in heads.error(way(labelled), test, y)] for name, way in HEADS.items()}
    counts = np.bincount(known.train_labels[chosen], minlength=classes)
    return {"counts": counts.tolist(), "errors": errors}


def main() -> None:
    FILE.fill(
        [({"target": target, "draw": draw}, fitted, (target, draw)) for target in TARGETS for draw in range(DRAWS)],
        jobs=1,
    )


if __name__ == "__main__":
    main()
