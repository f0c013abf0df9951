"""How long should the deep union be trained, and is the mean of two trainings better than one?

    python -m research.photographs.soups [--steps 100 200 400] [--targets rsscn7 ...] [--jobs 1]

The last four stages are trained on the union of a target's sources, as in depth.py, with several lengths and two seeds;
the weights of the two are averaged (a soup, Wortsman et al. 2022b). Five labels a class, five draws: test errors of the
heads, and of what a study chooses (depth.py). The length is chosen on rsscn7, dtd10 and corn_leaf and checked on
seedlings, trash and aid; the number of trainings, which ties there, by whole studies (searches.py). Results:
reports/data/photographs_soups.jsonl. Needs $GEOSEARCH_DATA with `photos/` beside it.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from geosearch.nn.interpolation import interpolate_states
from geosearch.nn.train import pretrain
from research.common.lines import Lines
from research.photographs import depth
from research.photographs.sets import FOLDER, TARGETS

FILE = Lines(FOLDER / "photographs_soups.jsonl")
STAGES, STEPS, SEEDS = 4, (100, 200, 400), (0, 1)
CHOSEN_ON, CHECKED_ON = ("rsscn7", "dtd10", "corn_leaf"), ("seedlings", "trash", "aid")


def measured(target: str, steps: int) -> dict[str, Any]:
    """What `depth.scored` says of each training and of their mean, and the processor seconds of a training."""
    recipe, pool = depth.recipe_of(target, STAGES).scaled(steps), depth.union(target, STAGES)
    begin = time.process_time()
    networks = [pretrain(pool, recipe, seed) for seed in SEEDS]
    seconds = (time.process_time() - begin) / len(SEEDS)
    states = [network.state_dict() for network in networks]
    mean = copy.deepcopy(networks[0])
    mean.load_state_dict(interpolate_states(states[0], states, 1.0, [1 / len(SEEDS)] * len(SEEDS)))
    found = [depth.scored(network, target, STAGES) for network in (*networks, mean)]
    return {"each": found[:-1], "mean": found[-1], "seconds": round(seconds, 1)}


def table() -> list[str]:
    """Errors in % of what a study chooses, means over the draws, for lengths and numbers of trainings."""
    known = {(a["target"], a["steps"]): line for line in FILE.all() for a in [line["asked"]]}
    none = {target: depth.without_source(target) for target in TARGETS}
    columns = [*TARGETS, "chosen on the first three", "checked on the others", "seconds"]
    lines = ["| 5 a class | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    for steps in sorted({steps for _, steps in known}):
        done = [target for target in TARGETS if (target, steps) in known]
        for kind in ("each", "mean"):
            errors = {t: _errors(t, known[t, steps], kind, none[t]) for t in done}
            cells = [f"{errors[t]:.1f}" if t in errors else "" for t in TARGETS]
            cells += [_mean_of(errors, targets) for targets in (CHOSEN_ON, CHECKED_ON)]
            seconds = np.mean([known[t, steps]["seconds"] for t in done]) * (1 + (kind == "mean"))
            name = f"{steps} steps, " + ("one training" if kind == "each" else "the mean of two")
            lines.append(f"| {' | '.join([name, *cells, f'{seconds:.0f}'])} |")
    return lines


def _errors(target: str, line: dict[str, Any], kind: str, without: dict[str, Any]) -> float:
    found = line["each"] if kind == "each" else [line["mean"]]
    return 100 * float(np.mean([depth.chosen(without, one) for one in found]))


def _mean_of(errors: dict[str, float], targets: Sequence[str]) -> str:
    return f"{np.mean([errors[t] for t in targets]):.1f}" if all(t in errors for t in targets) else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", nargs="+", type=int, default=list(STEPS))
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=[*CHOSEN_ON, *CHECKED_ON])
    parser.add_argument("--jobs", type=int, default=1, help="lines measured side by side")
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "steps": steps}, measured, (target, steps))
            for target in options.targets
            for steps in options.steps
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
