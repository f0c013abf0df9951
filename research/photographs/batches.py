"""Do smaller batches give as good a last block? Asked on three targets, checked on the other three.

    python -m research.photographs.batches

The uniform union of each target's sources, 150 steps of 32 images, beside the 64 of `mixtures`; errors of the ridge
head at five labels a class. Results: reports/data/photographs_batches.jsonl.

Answer: no. With 32 images a step the error after 150 steps is 1.1 points higher on the three targets that were asked
and 1.4 on the other three (two trainings each, higher in 11 of 12), at half the time.
"""

from __future__ import annotations

from typing import Any

from research.common.lines import Lines
from research.photographs.scoring import score
from research.photographs.sets import FOLDER, TARGETS, sources_of
from research.photographs.training import Training, weights_of

FILE = Lines(FOLDER / "photographs_batches.jsonl")
SEEDS = (0, 1)


def trained(target: str, batch: int, seed: int) -> dict[str, Any]:
    states = Training(batch=batch, marks=(50, 150)).run(weights_of(dict.fromkeys(sources_of(target), 1.0)), seed)
    return {"scores": {str(mark): score(state, target, (5,), again=False) for mark, state in states.items()}}


def main() -> None:
    asked = [{"target": target, "batch": 32, "seed": seed} for seed in SEEDS for target in TARGETS]
    FILE.fill([(one, trained, tuple(one.values())) for one in asked], jobs=1)


if __name__ == "__main__":
    main()
