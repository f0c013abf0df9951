"""Does pretraining by episodes beat supervised pretraining of equal time, with 1 and 5 shots?

    python -m research.neighbours.episodes

A network on the other sets (targets.py): supervised, or by episodes of five classes and five images each, for as many
steps as take the same processor time (measured first, on 20 steps). Then ridge and prototype heads on 1 and 5 shots;
plain error on the test part, five draws of shots, five pretrainings. Results: reports/data/neighbours_episodes.jsonl.
Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.prototypes import PrototypeHead
from geosearch.adaptation.ridge import RidgeHead
from geosearch.nn.recipe import Objective
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain
from geosearch.pretraining.episodic import EpisodicPretraining
from geosearch.pretraining.inner import DescentInner, RidgeInner, SVMInner
from research.common.lines import Lines
from research.neighbours.targets import PHOTOGRAPHS, TARGETS, draw_shots, read, recipe, sources

FILE = Lines(Path(__file__).parents[2] / "reports" / "data" / "neighbours_episodes.jsonl")
TIMED, DRAWS, SEEDS = 20, 5, 5
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
    test, how = read(target, "test"), replace(recipe(target), objective=OBJECTIVES[objective])
    if how.objective:
        kind = PHOTOGRAPHS[0] if target in PHOTOGRAPHS else TARGETS[0]
        how = how.scaled(round(how.steps * per_step(kind, "supervised") / per_step(kind, objective)))
    begin = time.process_time()
    network = pretrain(Pool(sources(target)), how, seed)
    seconds = time.process_time() - begin
    found: dict[str, dict[str, list[float]]] = {}
    for shots in SHOTS:
        for draw in range(DRAWS):
            few = draw_shots(target, shots, draw)
            for name, head in HEADS.items():
                wrong = head.fit(network, few, draw).predict(test.images).argmax(1) != test.labels
                found.setdefault(name, {}).setdefault(str(shots), []).append(round(float(wrong.mean()), 5))
    return {"errors": found, "steps": how.steps, "seconds": round(seconds, 2)}


@cache
def per_step(target: str, objective: str) -> float:
    """Processor seconds of a step, the first ones left out."""
    pool, how, spent = Pool(sources(target)), replace(recipe(target), objective=OBJECTIVES[objective]), []
    for steps in (TIMED, 3 * TIMED):
        begin = time.process_time()
        pretrain(pool, how.scaled(steps), 0)
        spent.append(time.process_time() - begin)
    return (spent[1] - spent[0]) / (2 * TIMED)


def main() -> None:
    asked = [(target, name, seed) for seed in range(SEEDS) for target in TARGETS for name in OBJECTIVES]
    FILE.fill([(dict(zip(("target", "objective", "seed"), one, strict=True)), errors, one) for one in asked], jobs=1)


if __name__ == "__main__":
    main()
