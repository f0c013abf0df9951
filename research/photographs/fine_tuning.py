"""How long must the last stage be fine-tuned on few labels?

    python -m research.photographs.fine_tuning

The network as it was published, five labels a class, 25 to 200 steps of the library's fine-tuning. Test errors of five
draws of labels. Results: reports/data/photographs_fine_tuning.jsonl.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.data.dataset import LabelledSet
from research.common.lines import Lines
from research.neighbours.targets import codes, for_target, recipe
from research.photographs.encoder import activations
from research.photographs.sets import DRAWS, FOLDER, TARGETS, task

FILE = Lines(FOLDER / "photographs_fine_tuning.jsonl")
STEPS, SHOTS = (25, 50, 100, 200), 5
USUAL = 200


def errors(target: str) -> dict[str, Any]:
    """Steps -> an error in [0, 1] for each draw."""
    known = task(target)
    test = codes().encode(activations(target)[known.test])
    found: dict[str, list[float]] = {str(steps): [] for steps in STEPS}
    for draw in range(DRAWS):
        rows = known.draw(SHOTS, draw)
        images = codes().encode(activations(target)[known.train[rows]])
        shots = LabelledSet(images, known.train_labels[rows], known.classes, target)
        network = fresh_network(shots, recipe(target), draw)
        for steps in STEPS:
            how = for_target(FineTuning(steps=steps), target)
            wrong = how.fit(network, shots, draw).predict(test).argmax(1) != known.test_labels
            found[str(steps)].append(round(float(np.mean(wrong)), 5))
    return {"errors": found}


def main() -> None:
    FILE.fill([({"target": target}, errors, (target,)) for target in TARGETS], jobs=1)


if __name__ == "__main__":
    main()
