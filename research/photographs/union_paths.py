"""How far from the pretrained weights should the deep union be taken, and can the labels tell?

    python -m research.photographs.union_paths [--targets rsscn7 ...] [--jobs 1]

The last four stages are trained on the union of a target's sources, as in depth.py, for 200 steps, twice, each training
for itself (a study takes the mean of two). At lambda 0, .25, .5, .75 and 1 between the pretrained weights and the
trained ones (WiSE-FT, Wortsman et al. 2022), with the pretrained features beside those of the network: test errors of
the heads at 5 and 20 labels a class, five draws, and which lambda the leave-one-out errors of the ridge head choose by
three rules. A study takes the largest but 0 within one standard error of the least, and no source where that is worse
than 0 by more than one (`UnionPath`, `UnionGain`). Results: reports/data/photographs_union_paths.jsonl. Needs
$GEOSEARCH_DATA with `photos/` beside it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from geosearch.config.regimes import INTERPOLATION
from geosearch.confirmation.intervals import t_half_width
from geosearch.nn.interpolation import interpolate
from geosearch.nn.train import pretrain
from geosearch.search.weight_path import WeightPath
from geosearch.study.union_training import STEPS
from research.common.lines import Lines
from research.photographs import depth, heads
from research.photographs.cells import beside
from research.photographs.choice import cross_validated, preferred
from research.photographs.interpolation import losses_left_out
from research.photographs.scoring import SELF_TRAINING, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, task

FILE = Lines(FOLDER / "photographs_union_paths.jsonl")
STAGES, SEEDS, SHOTS = 4, (0, 1), (5, 20)
RULES = ("the least error", "the smallest within one standard error", "as a study chooses")


def measured(target: str, seed: int) -> dict[str, Any]:
    """Of each number of labels and draw: errors of the heads at each lambda, the better head, and places of lambdas."""
    recipe, pool = depth.recipe_of(target, STAGES).scaled(STEPS), depth.union(target, STAGES)
    start, trained = pretrain(pool, recipe.scaled(0), seed), pretrain(pool, recipe, seed)
    z = [depth.read(interpolate(start, trained, place), target, STAGES) for place in INTERPOLATION]
    z[0] = z[0][:, : z[0].shape[1] // 2]  # the same features twice
    return {str(shots): [_of_draw(target, shots, draw, z) for draw in range(DRAWS)] for shots in SHOTS}


def _of_draw(target: str, shots: int, draw: int, z: list[np.ndarray]) -> dict[str, Any]:
    known = task(target)
    labelled = [few(target, shots, draw, one) for one in z]
    errors = [
        [
            round(heads.error(head, one[len(known.train) :], known.test_labels)[0], 5)
            for head in (heads.ridge(own), heads.self_trained(own, **SELF_TRAINING))
        ]
        for one, own in zip(z, labelled, strict=True)
    ]
    validated = cross_validated(labelled[0], shots)
    path = WeightPath(
        INTERPOLATION, np.stack([losses_left_out(own) for own in labelled]), np.zeros(len(INTERPOLATION)), 0.0
    )
    chosen = [int(np.argmin(path.squared_errors)), path.chosen, _as_a_study(replace(path, farther=True))]
    head = depth.HEADS.index(preferred({name: validated[name] for name in depth.HEADS}))
    return {"errors": errors, "head": head, "chosen": chosen, "squared": np.round(path.squared_errors, 5).tolist()}


def _as_a_study(path: WeightPath) -> int:
    place = 1 + path.without_first.chosen
    point = path.points[place]
    return place if path.squared_errors[0] - point.squared_error >= -point.deviation else 0


def table(shots: int) -> list[str]:
    """Errors in % of the head that the labels choose, means over trainings and draws, and differences from lambda 1."""
    known = {target: [line for line in FILE.all() if line["asked"]["target"] == target] for target in TARGETS}
    if not all(known.values()):
        raise KeyError("a target without a line")
    draws = {
        target: [[one[str(shots)][draw] for one in lines] for draw in range(DRAWS)] for target, lines in known.items()
    }
    rows: dict[str, Any] = {f"lambda {place:g}": lambda one, i=i: i for i, place in enumerate(INTERPOLATION)}
    rows["no source"] = rows.pop("lambda 0")
    rows |= {rule: lambda one, i=i: one["chosen"][i] for i, rule in enumerate(RULES)}
    errors = {
        name: {
            target: 100
            * np.array([np.mean([one["errors"][place(one)][one["head"]] for one in each]) for each in found])
            for target, found in draws.items()
        }
        for name, place in rows.items()
    }
    ends = errors["lambda 1"]
    lines = [f"| {shots} a class | {' | '.join(TARGETS)} | mean difference |", "| --- " * (len(TARGETS) + 2) + "|"]
    for name in ("no source", *(name for name in rows if name != "no source")):
        cells = [beside(errors[name][target], ends[target]) for target in TARGETS]
        gaps = [float((errors[name][target] - ends[target]).mean()) for target in TARGETS]
        mean = f"{np.mean([one.mean() for one in errors[name].values()]):.1f}"
        last = mean if not any(gaps) else f"{mean} ({np.mean(gaps):+.1f} ± {t_half_width(gaps):.1f})"
        lines.append(f"| {' | '.join([name, *cells, last])} |")
    each = [", ".join(f"{100 * _at_the_end(line[str(shots)]):.1f}" for line in known[target]) for target in TARGETS]
    return [*lines, f"| *lambda 1, each training* | {' | '.join(each)} | |"]


def _at_the_end(draws: list[dict[str, Any]]) -> float:
    """Mean error over the draws at lambda 1."""
    return float(np.mean([one["errors"][-1][one["head"]] for one in draws]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--jobs", type=int, default=1, help="lines measured side by side")
    options = parser.parse_args()
    FILE.fill(
        [({"target": target, "seed": seed}, measured, (target, seed)) for seed in SEEDS for target in options.targets],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
