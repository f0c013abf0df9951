"""How should the last block be trained? Asked on three targets, checked on the other three.

    python -m research.photographs.lengths

The uniform union of each target's sources, for 50, 150 and 300 steps, on plain or also on mirrored images, at two
rates; errors of the ridge head at five labels a class. Results: reports/data/photographs_lengths.jsonl.
"""

from __future__ import annotations

from typing import Any

from research.common.lines import Lines
from research.photographs.encoder import FLIP, PLAIN
from research.photographs.scoring import score
from research.photographs.sets import CHOSEN_ON, FOLDER, sources_of
from research.photographs.training import Training, weights_of

FILE = Lines(FOLDER / "photographs_lengths.jsonl")
MARKS = (50, 150, 300)
WAYS = {
    "rate 0.001": Training(marks=MARKS),
    "rate 0.0003": Training(rate=3e-4, marks=MARKS),
    "rate 0.001, flips": Training(views=(PLAIN, FLIP), marks=MARKS),
}


def trained(target: str, way: str) -> dict[str, Any]:
    states = WAYS[way].run(weights_of(dict.fromkeys(sources_of(target), 1.0)), seed=0)
    return {"scores": {str(mark): score(state, target, (5,)) for mark, state in states.items()}}


def main() -> None:
    FILE.fill(
        [({"target": target, "way": way}, trained, (target, way)) for target in CHOSEN_ON for way in WAYS], jobs=1
    )


if __name__ == "__main__":
    main()
