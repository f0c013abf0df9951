"""Do episodes on pseudo-labelled images rank mixtures better than the leave-one-out error on the labels?

    python -m research.photographs.episodes

Pseudo-labels of the unlabelled images are those of the self-trained ridge head on the pretrained features. In each of
eight episodes a ridge head is fitted to five of these images a class and counted on the others: on the features of
merged blocks, and of blocks trained on the mixture for 50 and for 150 steps. Results:
reports/data/photographs_episodes.jsonl.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from geosearch import seeds
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.heads import Few
from research.photographs.merged import merge, single
from research.photographs.mixtures import FILE as TRAININGS
from research.photographs.mixtures import TRAINING, mixtures, of_target
from research.photographs.scoring import SELF_TRAINING, features, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, task
from research.photographs.training import State

FILE = Lines(FOLDER / "photographs_episodes.jsonl")
EPISODES, SHOTS = 8, 5
NONE = "none"


def measured(target: str, name: str) -> dict[str, Any]:
    """Kind of network -> of each draw, mean share of wrong labels in the episodes."""
    if name == NONE:
        return {"errors": {NONE: _errors(None, target)}}
    one = mixtures()[name]
    parts = dict(one.weights)
    states = {f"{mark} steps": state for mark, state in one.training.run(one.weights, 0).items()}
    if len(parts) > 1:
        states["merged"] = merge(parts, {part: single(part) for part in parts}, 1.0)
    return {"errors": {kind: _errors(state, target) for kind, state in states.items()}}


def _errors(state: State | None, target: str) -> list[float]:
    z = features(state, target, np.arange(len(task(target).train)))
    found = []
    for draw in range(DRAWS):
        rows, labels = pseudo_labelled(target, draw)
        x, classes, wrong = z[rows], np.unique(labels), []
        for number in range(EPISODES):
            order = seeds.stream(number, "photographs episode", target, draw).permutation(len(rows))
            chosen = np.concatenate([order[labels[order] == label][:SHOTS] for label in classes])
            rest = np.setdiff1d(order, chosen)
            head = heads.ridge(Few(x[chosen], labels[chosen], int(labels.max()) + 1, x[rest]))
            wrong.append(float((head(x[rest]).argmax(1) != labels[rest]).mean()))
        found.append(round(float(np.mean(wrong)), 5))
    return found


@cache
def pseudo_labelled(target: str, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the unlabelled images in the training part, and their pseudo-labels."""
    known = task(target)
    labelled = few(target, SHOTS, draw, features(None, target))
    rows = np.setdiff1d(np.arange(len(known.train)), known.draw(SHOTS, draw))
    return rows, heads.self_trained(labelled, **SELF_TRAINING)(labelled.u).argmax(1)


def main() -> None:
    known = {line["asked"]["mixture"] for line in TRAININGS.all()}
    tasks: list[Any] = [({"target": target, "mixture": NONE}, measured, (target, NONE)) for target in TARGETS]
    for target in TARGETS:
        for name in of_target(target):
            if name in known and mixtures()[name].training == TRAINING:
                tasks.append(({"target": target, "mixture": name}, measured, (target, name)))
    FILE.fill(tasks, jobs=1)


if __name__ == "__main__":
    main()
