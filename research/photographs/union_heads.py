"""On which network should the labels choose the head: on the one that is the answer, or on the published one?

    python -m research.photographs.union_heads [--targets rsscn7 ...]

The deep union of each target, as a study trains it and at the lambda that a study takes (`UnionPath`). Of each number
and draw of labels: which of them the ridge head and the self-trained one get wrong when a fold leaves them out, and the
test errors of both, on that network and on the published one. The table compares where the head is chosen. Results:
reports/data/photographs_union_heads.jsonl. Needs $GEOSEARCH_DATA with `photos/` beside it; trainings that the cache has
are those of the studies.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from geosearch.adaptation.cross_validation import can_be_left_out
from geosearch.adaptation.head_choice import RIDGE, SELF_TRAINED, HeadChoice, find_errors
from geosearch.adaptation.ridge import fit_ridge
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.config.regimes import INTERPOLATION
from geosearch.nn.interpolation import interpolate
from geosearch.runtime.cache import Cache
from geosearch.runtime.progress import Log
from geosearch.search.weight_path import WeightPath
from geosearch.study.encode import load_sets
from geosearch.study.union_path import UnionPath, read_features
from research.common.lines import Lines
from research.photographs.cells import beside
from research.photographs.heads import Few
from research.photographs.interpolation import losses_left_out
from research.photographs.searches import sections
from research.photographs.sets import DRAWS, FOLDER, TARGETS, photos, task
from research.photographs.study_files import study_file
from research.photographs.without import pretrained

FILE = Lines(FOLDER / "photographs_union_heads.jsonl")
KINDS = ((3, 1), (5, 1), (10, 1), (20, 1), (5, 10))  # labels a class; most labels of a class to fewest
NAMES = (RIDGE, SELF_TRAINED)
PLACES = ("published", "union")
ASSIGNMENTS = 6  # of labels to folds, on the published network
NOW = "chosen on the published network"
WAYS: Mapping[str, tuple[tuple[str, ...], int]] = {  # in words -> networks, with as much say each, and assignments
    NOW: (PLACES[:1], 1),
    f"the same, mean of {ASSIGNMENTS} assignments to folds": (PLACES[:1], ASSIGNMENTS),
    "chosen on the deep union": (PLACES[1:], 1),
    "chosen on both": (PLACES, 1),
}


def judged(target: str, labels: int, ratio: int, draw: int) -> dict[str, Any]:
    """Labels of each class; wrong labels and test errors on both networks; the lambda of the deep union."""
    known = task(target)
    chosen = known.draw(labels, draw) if ratio == 1 else known.draw_uneven(draw, ratio)
    path = [side_by_side(target, coefficient) for coefficient in INTERPOLATION]
    losses = np.stack([losses_left_out(_few(z, target, chosen)) for z in path])
    place = WeightPath(INTERPOLATION, losses, np.zeros(len(losses)), 0.0, farther=True)
    number = 1 + place.without_first.chosen
    return {
        "labels": known.train_labels[chosen].tolist(),
        "lambda": INTERPOLATION[number],
        "published": _of_network(path[0], target, chosen, draw, ASSIGNMENTS),
        "union": _of_network(path[number], target, chosen, draw),
    }


def _few(z: np.ndarray, target: str, chosen: np.ndarray) -> Few:
    known = task(target)
    rest = np.setdiff1d(np.arange(len(known.train)), chosen)
    return Few(z[chosen], known.train_labels[chosen], len(known.classes), z[rest])


def _of_network(z: np.ndarray, target: str, chosen: np.ndarray, draw: int, assignments: int = 1) -> dict[str, Any]:
    known, few, head = task(target), _few(z, target, chosen), SelfTrainedRidge()
    seeds = [100 * number + draw for number in range(assignments)]
    wrong = np.stack([find_errors(few.z, few.y, few.u, few.c, head, seed) for seed in seeds], axis=1)  # (2, s, n)
    errors = {}
    for name, (fit, scale) in zip(
        NAMES, (fit_ridge(few.z, few.y, few.c), head.train(few.z, few.y, few.u, few.c)), strict=True
    ):
        missed = fit.predict(z[len(known.train) :] * scale).argmax(1) != known.test_labels
        errors[name] = round(float(missed.mean()), 5)
    return {"wrong": dict(zip(NAMES, wrong.astype(int).tolist(), strict=True)), "errors": errors}


@cache
def side_by_side(target: str, coefficient: float) -> np.ndarray:
    """float64 (n + p, d), the published features, and beside them those of the deep union unless it is at 0."""
    published = pretrained(target).astype(np.float64)
    if not coefficient:
        return published
    path = _path(target)
    network = interpolate(path.start, path.trained, coefficient)
    images = photos(target).images[task(target).rows]
    return np.concatenate([published, read_features(network, images, Cache.default(), jobs=1)], axis=1)


@cache
def _path(target: str) -> UnionPath:
    file = study_file(target, 5, 0, sections(5))
    collection, _ = load_sets(file, Cache.default(), Log())
    path = UnionPath.of(file, collection, Cache.default())
    assert path is not None
    return path


def taken(line: dict[str, Any], places: Sequence[str], assignments: Sequence[int]) -> str:
    """The head that is chosen by the mean errors on some networks, and the mean standard error."""
    labels = np.array(line["labels"])
    rows = can_be_left_out(labels)
    each = []
    for place in places:
        wrong = [np.array(line[place]["wrong"][name])[list(assignments)][:, rows].mean(0) for name in NAMES]
        each.append(HeadChoice.from_errors(wrong[0], wrong[1], labels[rows], balance=0.5))
    errors = {name: float(np.mean([one.errors[name] for one in each])) for name in NAMES}
    return HeadChoice(errors, float(np.mean([one.standard_error for one in each]))).name


def table() -> list[str]:
    """Errors of the deep union in %, means over draws and targets, and differences from where it is chosen now."""
    lines = {(*(a[k] for k in ("target", "labels", "ratio", "draw")),): x for x in FILE.all() for a in [x["asked"]]}
    if len(lines) < len(TARGETS) * len(KINDS) * DRAWS:
        return []
    shown = ["head", *(f"{n} a class" if ratio == 1 else f"{n} uneven, {ratio} : 1" for n, ratio in KINDS)]
    ways = {name: lambda line, name=name: name for name in NAMES}
    ways |= {
        way: lambda line, own=own, count=count: taken(line, own, range(count))  # type: ignore[misc]
        for way, (own, count) in WAYS.items()
    }
    errors = {
        way: {
            kind: 100
            * np.array(
                [
                    np.mean([x["union"]["errors"][choose(x)] for x in (lines[t, *kind, d] for d in range(DRAWS))])
                    for t in TARGETS
                ]
            )
            for kind in KINDS
        }
        for way, choose in ways.items()
    }
    found = [f"| {' | '.join(shown)} |", f"| {' | '.join('---' for _ in shown)} |"]
    for way, own in errors.items():
        cells = [beside(own[kind], errors[NOW][kind]) for kind in KINDS]
        found.append(f"| {f'**{way}**' if way == NOW else way} | {' | '.join(cells)} |")
    return [*found, "", *varying()]


def varying() -> list[str]:
    """In how many cells another assignment of the labels to folds chooses another head."""
    found = dict.fromkeys(KINDS, 0)
    for line in FILE.all():
        chosen = {taken(line, PLACES[:1], [number]) for number in range(ASSIGNMENTS)}
        found[line["asked"]["labels"], line["asked"]["ratio"]] += len(chosen) > 1
    cells = len(TARGETS) * DRAWS
    named = (f"{n} a class" if ratio == 1 else f"{n} uneven, {ratio} : 1" for n, ratio in KINDS)
    counts = ", ".join(f"{count} ({name})" for name, count in zip(named, found.values(), strict=True))
    return [f"- Of {cells} draws, the head depends on the assignment to folds in {counts}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "labels": labels, "ratio": ratio, "draw": draw}, judged, (target, labels, ratio, draw))
            for target in options.targets
            for labels, ratio in KINDS
            for draw in range(DRAWS)
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
