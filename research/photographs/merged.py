"""Do merged networks foretell how mixtures of sources rank, and are they candidates in themselves?

    python -m research.photographs.merged

The last block was trained once on every single source (mixtures.py). Merged at weights a, with lambda in [0, 1]:
theta_0 + lambda sum_i a_i (theta_i - theta_0). For each target and each of its mixtures, heads at five labels are
scored on the merged block at lambda .25, .5, .75 and 1, and on the block between the pretrained one and the one that
was trained on the mixture (WiSE-FT, Wortsman et al. 2022). Results: reports/data/photographs_merged.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import Any

from geosearch.nn import interpolate_states
from research.common.lines import Lines
from research.photographs.encoder import tail
from research.photographs.mixtures import FILE as TRAININGS
from research.photographs.mixtures import TRAINING, mixtures, of_target
from research.photographs.scoring import score
from research.photographs.sets import FOLDER, TARGETS
from research.photographs.training import State

FILE = Lines(FOLDER / "photographs_merged.jsonl")
MERGED, BETWEEN = "merged", "between"
SEED = 0
SHOTS = (5,)


def merge(parts: Mapping[str, float], states: Mapping[str, State], scale: float) -> State:
    """The tail at theta_0 + scale * sum_i a_i (theta_i - theta_0), the weights scaled to a sum of one."""
    total = sum(parts.values())
    trained, shares = [states[part] for part in parts], [share / total for share in parts.values()]
    return interpolate_states(tail().state_dict(), trained, scale, shares)


@cache
def single(name: str) -> State:
    return TRAINING.run(((name, 1.0),), SEED)[TRAINING.marks[-1]]


def merged(target: str, name: str, scale: float) -> dict[str, Any]:
    """Scores of the merged block, with nothing trained on the mixture."""
    parts = dict(mixtures()[name].weights)
    return {
        "scores": score(merge(parts, {part: single(part) for part in parts}, scale), target, SHOTS, again=again(name))
    }


def between(target: str, name: str, scale: float) -> dict[str, Any]:
    """Scores of the block between the pretrained one and the one that was trained on the mixture."""
    one = mixtures()[name]
    state = one.training.run(one.weights, SEED)[one.training.marks[-1]]
    return {"scores": score(merge({name: 1.0}, {name: state}, scale), target, SHOTS, again=again(name))}


def again(name: str) -> bool:
    """Whether to self-train too: of what is named, not of random mixtures."""
    return not name.startswith("random")


def untouched(target: str) -> dict[str, Any]:
    """Scores of the pretrained block."""
    return {"scores": score(None, target)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lambdas", nargs="+", type=float, default=[1.0, 0.5, 0.75, 0.25])
    parser.add_argument("--ways", nargs="+", choices=(MERGED, BETWEEN), default=[MERGED, BETWEEN])
    options = parser.parse_args()
    known = {line["asked"]["mixture"] for line in TRAININGS.all()}
    tasks: list[Any] = [
        ({"target": t, "way": "none", "mixture": "none", "lambda": 0.0}, untouched, (t,)) for t in TARGETS
    ]
    for way, scale, target in product(options.ways, options.lambdas, TARGETS):
        for name in of_target(target):
            alone = len(mixtures()[name].weights) == 1
            if name not in known or name.startswith("mixup") or (alone and (way == BETWEEN or scale == 1)):
                continue  # between none and a single source lies the merged block
            if way == BETWEEN and (scale == 1 or (scale != 0.5 and name.startswith("random"))):
                continue
            asked = {"target": target, "way": way, "mixture": name, "lambda": scale}
            tasks.append((asked, {MERGED: merged, BETWEEN: between}[way], (target, name, scale)))
    FILE.fill(tasks, jobs=1)


if __name__ == "__main__":
    main()
