"""What do sources give when the pretrained features are kept beside those of the trained block?

    python -m research.photographs.side_by_side [--seeds 1]

For every mixture of a target (mixtures.py): test errors of the ridge head on the trained features alone and on both,
and the squared leave-one-out errors on the labels, which a study chooses by. Singles, unions and Mixup at 1, 5 and 20
labels a class, self-trained too; random mixtures at 5 and 20, the ridge head alone.
Results: reports/data/photographs_side_by_side.jsonl; the tables are those of reports/photographs.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from geosearch.confirmation.intervals import t_half_width
from geosearch.search.racing import APART
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.interpolation import losses_left_out
from research.photographs.mixtures import mixtures, of_target
from research.photographs.scoring import SELF_TRAINING, features, few
from research.photographs.sets import DRAWS, FOLDER, SHOTS, TARGETS, sources_of, task

FILE = Lines(FOLDER / "photographs_side_by_side.jsonl")
NONE, POOLED = "none", "pooled"
TRAINED, BOTH = "trained", "both"
RIDGE, TAUGHT, SQUARED, NOISE = range(4)  # what an entry holds
Entry = list[Any]


def measured(target: str, name: str, seed: int) -> dict[str, Any]:
    """ "trained" and "both" -> labels a class -> an entry for each draw of labels."""
    z = pretrained(target)
    if name == NONE:
        return {TRAINED: {str(shots): entries(target, shots, z, again=True) for shots in SHOTS}}
    one = mixtures()[name]
    trained = features(one.training.run(one.weights, seed)[one.training.marks[-1]], target)
    both = np.concatenate([z, trained], axis=1)
    is_random = one.kind == "random"
    return {
        kept: {str(shots): entries(target, shots, x, again=not is_random) for shots in SHOTS if shots > is_random}
        for kept, x in ((TRAINED, trained), (BOTH, both))
    }


def entries(target: str, shots: int, z: np.ndarray, *, again: bool) -> list[Entry]:
    """Test error of the ridge head, and self-trained if asked for; mean squared leave-one-out error of the labels.

    The last number is the standard error of that error's difference from the one without a source, over the labels.
    """
    known, found = task(target), []
    test, y = z[len(known.train) :], known.test_labels
    for draw in range(DRAWS):
        labelled = few(target, shots, draw, z)
        ridge = heads.ridge(labelled)
        taught = heads.self_trained(labelled, **SELF_TRAINING, teacher=lambda _, head=ridge: head) if again else None  # type: ignore[arg-type]
        errors = [None if head is None else round(heads.error(head, test, y)[0], 5) for head in (ridge, taught)]
        losses = losses_left_out(labelled)
        gaps = losses - losses_left_out(few(target, shots, draw, pretrained(target)))
        found.append([*errors, round(float(losses.mean()), 5), round(float(gaps.std(ddof=1) / np.sqrt(len(gaps))), 5)])
    return found


@cache
def pretrained(target: str) -> np.ndarray:
    return features(None, target)


# the tables


@cache
def found() -> dict[tuple[str, str, str, int], list[Entry]]:
    """(target, mixture, features, labels a class) -> entries of the draws, of training seed 0."""
    lines = [line for line in FILE.all() if line["asked"]["seed"] == 0]
    return {
        (line["asked"]["target"], line["asked"]["mixture"], kept, int(shots)): draws
        for line in lines
        for kept in (TRAINED, BOTH)
        for shots, draws in line.get(kept, {}).items()
    }


def errors(target: str, name: str, kept: str, shots: int, column: int = RIDGE) -> np.ndarray:
    """(draws,) test errors."""
    return np.array([entry[column] for entry in found()[target, name, kept, shots]])


def table(shots: int) -> list[str]:
    """Differences from the ridge head on the pretrained features, points; features alone, then both."""
    if not all((t, name, BOTH, shots) in found() for t in TARGETS for name in named(t).values()):
        return []
    lines = [
        f"| {shots} label{'s' * (shots > 1)} a class | {' | '.join(TARGETS)} | mean difference |",
        "| --- " * (len(TARGETS) + 2) + "|",
        f"| **none** | {' | '.join(f'{100 * errors(t, NONE, TRAINED, shots).mean():.1f}' for t in TARGETS)} | |",
    ]
    for name, way in ways(shots):
        for kept, label in ((TRAINED, name), (BOTH, f"{name}, **both**")):
            gaps = {t: 100 * (way(t, kept) - errors(t, NONE, TRAINED, shots)) for t in TARGETS}
            cells = [_interval(gaps[t]) for t in TARGETS]
            lines.append(f"| {label} | {' | '.join(cells)} | {_interval([gaps[t].mean() for t in TARGETS])} |")
    return lines


def gain_table() -> list[str]:
    """What both have less or more than the trained features alone: means over the draws, intervals over the targets."""
    if not table(max(SHOTS)):
        return []
    lines = [f"| both minus trained | {' | '.join(f'{shots} a class' for shots in SHOTS)} |", "| --- " * 4 + "|"]
    for name in ("single sources, mean", "random mixtures, mean", POOLED, "uniform", "mixup"):
        cells = []
        for shots in SHOTS:
            way = dict(ways(shots)).get(name)
            gaps = [100 * float((way(t, BOTH) - way(t, TRAINED)).mean()) for t in TARGETS] if way else []
            cells.append(_interval(gaps) if gaps else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def taught_table() -> list[str]:
    """The pooled union self-trained, beside the self-trained head without a source."""
    if not all((t, f"{POOLED}: {t}", BOTH, shots) in found() for t in TARGETS for shots in SHOTS):
        return []
    lines = [f"| self-trained | {' | '.join(TARGETS)} | mean difference |", "| --- " * (len(TARGETS) + 2) + "|"]
    for shots in SHOTS:
        base = {t: errors(t, NONE, TRAINED, shots, TAUGHT) for t in TARGETS}
        shown = " | ".join(f"{100 * base[t].mean():.1f}" for t in TARGETS)
        lines.append(f"| **none**, {shots} a class | {shown} | |")
        for kept, label in ((TRAINED, "pooled"), (BOTH, "pooled, **both**")):
            gaps = {t: 100 * (errors(t, f"{POOLED}: {t}", kept, shots, TAUGHT) - base[t]) for t in TARGETS}
            cells = " | ".join(_interval(gaps[t]) for t in TARGETS)
            lines.append(f"| {label} | {cells} | {_interval([gaps[t].mean() for t in TARGETS])} |")
    return lines


def named(target: str) -> dict[str, str]:
    """Short name -> mixture."""
    return {kind: f"{kind}: {target}" for kind in (POOLED, "uniform", "mixup")}


Way = Callable[[str, str], np.ndarray]  # target, features -> errors (draws,)


def ways(shots: int) -> Iterator[tuple[str, Way]]:
    for kind in (POOLED, "uniform", "mixup"):
        yield kind, lambda t, kept, kind=kind: errors(t, named(t)[kind], kept, shots)  # type: ignore[misc]
    yield "single sources, mean", lambda t, kept: np.mean([errors(t, s, kept, shots) for s in sources_of(t)], axis=0)
    if shots == 1:
        return
    yield (
        "random mixtures, mean",
        lambda t, kept: np.mean([errors(t, one, kept, shots) for one in of_target(t) if one.startswith("random")], 0),
    )
    yield "least leave-one-out error of all", lambda t, kept: _least(t, kept, shots)
    yield f"pooled, or none where that is better by {APART:g} standard errors", _unless(POOLED, shots)
    yield f"none, or pooled where that is better by {APART:g} standard errors", _unless(NONE, shots)
    yield "*least test error of all*", lambda t, kept: errors(t, _best(t, kept, shots), kept, shots)


def _least(target: str, kept: str, shots: int) -> np.ndarray:
    """In each draw the mixture of least leave-one-out error."""
    known = {one: errors(target, one, kept, shots, SQUARED) for one in of_target(target)}
    picked = [min(known, key=lambda one: known[one][draw]) for draw in range(DRAWS)]
    return np.array([errors(target, one, kept, shots)[draw] for draw, one in enumerate(picked)])


def _unless(usual: str, shots: int) -> Way:
    """In each draw the usual one of none and the union, unless the other is better beyond the noise."""

    def way(target: str, kept: str) -> np.ndarray:
        union = named(target)[POOLED]
        gains = errors(target, NONE, TRAINED, shots, SQUARED) - errors(target, union, kept, shots, SQUARED)
        noise = APART * errors(target, union, kept, shots, NOISE)
        is_union = gains >= -noise if usual == POOLED else gains > noise
        return np.where(is_union, errors(target, union, kept, shots), errors(target, NONE, TRAINED, shots))

    return way


def _best(target: str, kept: str, shots: int) -> str:
    return min(of_target(target), key=lambda one: errors(target, one, kept, shots).mean())


def _interval(gaps: Any) -> str:
    return f"{np.mean(gaps):+.1f} ± {t_half_width(list(gaps)):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "mixture": name, "seed": seed}, measured, (target, name, seed))
            for seed in range(options.seeds)
            for target in TARGETS
            for name in (NONE, *of_target(target))
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
