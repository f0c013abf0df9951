"""Does it pay to go on training on the sources while a network is fine-tuned, and on which of their images?

    python -m research.neighbours.rehearsal

A network pretrained on the other sets (targets.py), fine-tuned on 5 shots a class: alone, with rehearsal of images of
the sources, and with rehearsal of the quarter of them that unbalanced transport brings to the shots. Plain error on the
test part, five draws of shots, one pretraining. Results: reports/data/neighbours_rehearsal.jsonl. Needs
$GEOSEARCH_DATA.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.replay_selection import ReplaySelection
from geosearch.nn.streams import Pool
from research.common.lines import Lines
from research.neighbours.targets import TARGETS, draw_shots, for_target, network, read, sources

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_rehearsal.jsonl")
DRAWS, SHOTS = 5, 5
WAYS: dict[str, Adaptation] = {
    "fine-tune": FineTuning(),
    "rehearse all": Rehearsal(),
    "rehearse a quarter": Rehearsal(selection=ReplaySelection()),
}


def errors(target: str, draw: int) -> dict[str, Any]:
    """Way -> error in [0, 1] and processor seconds."""
    test, start, mixture = read(target, "test"), network(target), Pool(sources(target))
    shots, found = draw_shots(target, SHOTS, draw), {}
    for way, how in WAYS.items():
        begin = time.process_time()
        fitted = for_target(how, target).fit(start, shots, draw, mixture)
        seconds = time.process_time() - begin
        wrong = fitted.predict(test.images).argmax(1) != test.labels
        found[way] = [round(float(wrong.mean()), 5), round(seconds, 2)]
    return {"errors": found}


def main() -> None:
    asked = [(target, draw) for draw in range(DRAWS) for target in TARGETS]
    FILE.fill([({"target": target, "draw": draw}, errors, (target, draw)) for target, draw in asked], jobs=1)


if __name__ == "__main__":
    main()
