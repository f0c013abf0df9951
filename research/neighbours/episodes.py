"""Does pretraining by episodes beat supervised pretraining of equal time, with 1 and 5 shots?

    python -m research.neighbours.episodes

A small network on three other sets: supervised for 300 steps, or by episodes of five classes and five images each, for
as many steps as take the same processor time (measured first, on 20 steps). Then ridge and prototype heads on 1 and 5
shots; plain error on the test part, five draws of shots, two pretrainings. Results:
reports/data/neighbours_episodes.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.prototypes import PrototypeHead
from geosearch.adaptation.ridge import RidgeHead
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Objective, Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain
from geosearch.pretraining.episodic import EpisodicPretraining
from geosearch.pretraining.inner import DescentInner, RidgeInner, SVMInner
from research.common.lines import Lines
from research.model.networks import GLYPHS, read

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_episodes.jsonl")
STEPS, TIMED, DRAWS, SEEDS = 300, 20, 5, 2
SHOTS = (1, 5)
OBJECTIVES: dict[str, Objective | None] = {
    "supervised": None,
    "episodic, ridge": EpisodicPretraining(RidgeInner()),
    "episodic, svm": EpisodicPretraining(SVMInner()),
    "episodic, descent": EpisodicPretraining(DescentInner()),
}
HEADS: dict[str, Adaptation] = {"ridge": RidgeHead(), "prototypes": PrototypeHead()}


def errors(target: str, objective: str, seed: int) -> dict[str, Any]:
    """Head -> shots -> errors in [0, 1] of the draws; steps, and processor seconds of the pretraining."""
    train, test = read(target), read(target, "test")
    pool = Pool(tuple(read(name) for name in GLYPHS if name != target))
    recipe = Recipe(SmallConv(16), steps=STEPS, objective=OBJECTIVES[objective])
    if recipe.objective:
        recipe = recipe.scaled(round(STEPS * per_step("supervised") / per_step(objective)))
    begin = time.process_time()
    network = pretrain(pool, recipe, seed)
    seconds = time.process_time() - begin
    found: dict[str, dict[str, list[float]]] = {}
    for shots in SHOTS:
        for draw in range(DRAWS):
            order = seeds.stream(draw, "shots", target).permutation(len(train))
            rows = [order[train.labels[order] == label][:shots] for label in range(len(train.classes))]
            few = train.take(np.concatenate(rows))
            for name, head in HEADS.items():
                wrong = head.fit(network, few, draw).predict(test.images).argmax(1) != test.labels
                found.setdefault(name, {}).setdefault(str(shots), []).append(round(float(wrong.mean()), 5))
    return {"errors": found, "steps": recipe.steps, "seconds": round(seconds, 2)}


@cache
def per_step(objective: str) -> float:
    """Processor seconds of a step, the first ones left out."""
    pool = Pool((read("mnist"), read("usps"), read("kmnist")))
    recipe, spent = Recipe(SmallConv(16), steps=TIMED, objective=OBJECTIVES[objective]), []
    for steps in (TIMED, 3 * TIMED):
        begin = time.process_time()
        pretrain(pool, replace(recipe, steps=steps), 0)
        spent.append(time.process_time() - begin)
    return (spent[1] - spent[0]) / (2 * TIMED)


def main() -> None:
    asked = [(target, name, seed) for seed in range(SEEDS) for target in GLYPHS for name in OBJECTIVES]
    FILE.fill([(dict(zip(("target", "objective", "seed"), one, strict=True)), errors, one) for one in asked], jobs=1)


if __name__ == "__main__":
    main()
