"""When should cross-validation on the labels overrule the self-trained head?

    python -m research.photographs.head_choice

Both heads on the pretrained features, at 3, 5 and 10 labels a class and at five in the mean that are uneven, four and
ten times as many of one class as of another; in a cross-validation on the labels, which of these are wrong, and the
test errors in each class. Heads, folds and weights are those of `geosearch.adaptation.head_choice`; the table compares
rules. Results: reports/data/photographs_head_choice.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from geosearch.adaptation.cross_validation import can_be_left_out
from geosearch.adaptation.head_choice import RIDGE, SELF_TRAINED, HeadChoice, find_errors
from geosearch.adaptation.ridge import fit_ridge
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from research.common.lines import Lines
from research.photographs.cells import beside
from research.photographs.sets import DRAWS, FOLDER, TARGETS, task
from research.photographs.without import pretrained

FILE = Lines(FOLDER / "photographs_head_choice.jsonl")
EVEN, RATIOS = (3, 5, 10), (4, 10)  # labels a class; most labels of a class to fewest

KINDS = (*((labels, 1) for labels in EVEN), *((5, ratio) for ratio in RATIOS))
FORMER = "least error, labels counted alike; ridge among equals"
RULES: Mapping[str, tuple[float, float]] = {  # in words -> balance of the errors, standard errors that ridge needs
    FORMER: (0.0, 0.0),
    "least error, labels counted alike; self-trained among equals": (0.0, 0.0),
    "least error, classes counted by `domain.balance = 0.5`": (0.5, 0.0),
    "ridge by half a standard error": (0.5, 0.5),
    "ridge by one standard error": (0.5, 1.0),
}
TAKEN = "ridge by half a standard error"


def judged(target: str, labels: int, ratio: int, draw: int) -> dict[str, Any]:
    """Labels of each class, which of those are wrong that a fold leaves out, and the test error in each class."""
    known, z = task(target), pretrained(target).astype(np.float64)
    chosen = known.draw(labels, draw) if ratio == 1 else known.draw_uneven(draw, ratio)
    y, classes, n = known.train_labels[chosen], len(known.classes), len(known.train)
    u, head = z[np.setdiff1d(np.arange(n), chosen)], SelfTrainedRidge()
    wrong = dict(zip((RIDGE, SELF_TRAINED), find_errors(z[chosen], y, u, classes, head, draw), strict=True))
    fitted = {RIDGE: fit_ridge(z[chosen], y, classes), SELF_TRAINED: head.train(z[chosen], y, u, classes)}
    errors = {}
    for name, (fit, scale) in fitted.items():
        missed = fit.predict(z[n:] * scale).argmax(1) != known.test_labels
        errors[name] = [round(float(missed[known.test_labels == label].mean()), 5) for label in range(classes)]
    return {"labels": y.tolist(), "wrong": {k: v.astype(int).tolist() for k, v in wrong.items()}, "errors": errors}


def error_on_test(line: dict[str, Any], name: str, *, as_labelled: bool = False) -> float:
    """Of a head, where classes are equally frequent, or as frequent as the labels."""
    weights = np.bincount(line["labels"]) if as_labelled else None
    return float(np.average(line["errors"][name], weights=weights))


def taken(line: dict[str, Any], rule: str) -> str:
    """The head that a rule takes."""
    balance, clear = RULES[rule]
    labels = np.array(line["labels"])
    rows = can_be_left_out(labels)
    ridge, self_trained = (np.array(line["wrong"][name], bool)[rows] for name in (RIDGE, SELF_TRAINED))
    if rule == FORMER:
        return RIDGE if ridge.mean() <= self_trained.mean() else SELF_TRAINED
    return HeadChoice.from_errors(ridge, self_trained, labels[rows], balance).choose(clear)


def table() -> list[str]:
    """Errors in %, means over draws and targets, and differences from the ridge head with intervals over targets."""
    lines = {
        (*(a[k] for k in ("target", "labels", "ratio", "draw")),): line for line in FILE.all() for a in [line["asked"]]
    }
    if len(lines) < len(TARGETS) * len(KINDS) * DRAWS:
        return []
    columns = [(*kind, False) for kind in KINDS] + [(5, RATIOS[-1], True)]
    names = [f"{n} a class" if ratio == 1 else f"5 uneven, {ratio} : 1" for n, ratio, _ in columns[:-1]]
    shown = ["head", *names, f"{names[-1]}, tested as uneven"]
    ways = {RIDGE: lambda line: RIDGE, SELF_TRAINED: lambda line: SELF_TRAINED}
    ways |= {rule: lambda line, rule=rule: taken(line, rule) for rule in RULES}  # type: ignore[misc]
    found = [f"| {' | '.join(shown)} |", f"| {' | '.join('---' for _ in shown)} |"]
    base: list[np.ndarray] = []
    for way, choose in ways.items():
        cells = []
        for place, (labels, ratio, as_labelled) in enumerate(columns):
            draws = [[lines[t, labels, ratio, d] for d in range(DRAWS)] for t in TARGETS]
            errors = 100 * np.array(
                [np.mean([error_on_test(x, choose(x), as_labelled=as_labelled) for x in own]) for own in draws]
            )
            if way == RIDGE:
                base.append(errors)
            cells.append(beside(errors, base[place]))
        found.append(f"| {f'**{way}**' if way == TAKEN else way} | {' | '.join(cells)} |")
    return found


def main() -> None:
    FILE.fill(
        [
            ({"target": target, "labels": labels, "ratio": ratio, "draw": draw}, judged, (target, labels, ratio, draw))
            for target in TARGETS
            for labels, ratio in KINDS
            for draw in range(DRAWS)
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
