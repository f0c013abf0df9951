"""What the labels of a draw say, beside the truth; and how often an interval holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from geosearch.adaptation.cross_validation import class_weights
from geosearch.confirmation.intervals import CROSS_FITTED, cross_fitted_half_width
from research.common.intervals import over_targets

Line = Mapping[str, Any]  # of small_labels.jsonl
GAP, BEST, NONE = "gap", "best", "none"  # best mixture minus no pretraining; the error of either
NAMES = {GAP: "best mixture minus no pretraining", BEST: "error of the best mixture", NONE: "error of no pretraining"}
CHOSEN_ON = ("mnist", "usps", "kmnist")  # sets that the factor on the interval was chosen on


@dataclass(frozen=True)
class Verdict:
    """An estimate with half of its 95 % interval, and the truth, in points."""

    estimate: float
    half_width: float
    truth: float

    @property
    def holds(self) -> bool:
        return abs(self.estimate - self.truth) <= self.half_width


@dataclass(frozen=True)
class Summary:
    """Means over draws, in points; coverage in [0, 1]."""

    draws: int
    truth: float
    bias: float
    half_width: float
    coverage: float

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Summary:
        found = list(verdicts)
        away = np.array([one.estimate - one.truth for one in found])
        return cls(
            len(found),
            float(np.mean([one.truth for one in found])),
            float(away.mean()),
            float(np.mean([one.half_width for one in found])),
            float(np.mean([one.holds for one in found])),
        )


def cross_fitted(line: Line, what: str, *, repeats: int = 1, truth: str = "rest") -> Verdict:
    """By labels that were not fitted to, as a study says it.

    Args:
        line: facts of a draw.
        what: one of `NAMES`.
        repeats: so many of the repetitions.
        truth: on the "rest" of the images that were drawn from, or on the "test" part.
    """
    values = _values(line, what, lambda facts: facts["wrong"][:repeats])
    return _verdict(line, what, truth, values, _half_width(values.tobytes(), values.shape, what))


def bootstrapped(line: Line, what: str, *, repeats: int = 1, truth: str = "rest") -> Verdict:
    """The same with the interval of the bootstrap alone."""
    found = cross_fitted(line, what, repeats=repeats, truth=truth)
    return replace(found, half_width=found.half_width / CROSS_FITTED)


def naive(line: Line, what: str, *, truth: str = "rest") -> Verdict:
    """By the leave-one-out predictions of the labels that chose, with the interval of the bootstrap."""
    values = _values(line, what, lambda facts: [facts["naive"]])
    half = _half_width(values.tobytes(), values.shape, what) / CROSS_FITTED
    return _verdict(line, what, truth, values, half)


def balanced(line: Line, what: str, *, truth: str = "rest") -> Verdict:
    """The mean over the classes of their errors, cross-fitted, as a study says it."""
    values = _values(line, what, lambda facts: facts["wrong"][:1]) * class_weights(np.array(line["labels"]), 1)
    half = _half_width(values.tobytes(), values.shape, what)
    return Verdict(100 * float(values.mean()), 100 * half, true_value(line, what, truth, 1))


def true_value(line: Line, what: str, truth: str, place: int = 0) -> float:
    """In points; place 0: plain, 1: balanced over the classes."""
    if what == GAP:
        return true_value(line, BEST, truth, place) - true_value(line, NONE, truth, place)
    return 100 * float(line[what]["truth"][truth][place])


def _values(line: Line, what: str, rows: Callable[[Line], list[str]]) -> np.ndarray:
    """float (k, n): wrong or not, or the difference."""
    found = {way: np.array([[int(one) for one in row] for row in rows(line[way])], float) for way in (BEST, NONE)}
    return found[BEST] - found[NONE] if what == GAP else found[what]


def _verdict(line: Line, what: str, truth: str, values: np.ndarray, half_width: float) -> Verdict:
    return Verdict(100 * float(values.mean()), 100 * half_width, true_value(line, what, truth))


@cache
def _half_width(values: bytes, shape: tuple[int, int], what: str) -> float:
    """Kept, since the tables ask for many of them several times."""
    array = np.frombuffer(values).reshape(shape)
    return cross_fitted_half_width(array, (-1.0, 1.0) if what == GAP else (0.0, 1.0))


def tables(lines: Sequence[Line]) -> list[tuple[str, Callable[[], list[str]]]]:
    """The report's blocks."""
    checked = [line for line in lines if line["asked"]["target"] not in CHOSEN_ON]
    chosen = [line for line in lines if line["asked"]["target"] in CHOSEN_ON]
    return [
        ("gap", lambda: by_shots(lines, GAP)),
        ("targets", lambda: by_target(lines)),
        ("error", lambda: by_shots(lines, BEST)),
        ("classes", lambda: by_weight(lines)),
        ("balanced", lambda: by_balance(lines, {"chosen on": chosen, "checked on": checked})),
        ("factor", lambda: by_interval({"chosen on": chosen, "checked on": checked})),
    ]


def by_shots(lines: Sequence[Line], what: str) -> list[str]:
    """Cross-fitting and the naive estimate for each number of labels, and over all."""
    rows = [
        "| labels a class | draws | truth | cross-fitting: bias | half interval | holds the truth | of the test part | "
        "naive: bias | half interval | holds the truth |",
        "| --- " * 10 + "|",
    ]
    for shots, found in _grouped(lines, "shots").items():
        own, test, plain = (
            Summary.of(one)
            for one in (
                [cross_fitted(line, what) for line in found],
                [cross_fitted(line, what, truth="test") for line in found],
                [naive(line, what) for line in found],
            )
        )
        rows.append(
            f"| {shots} | {own.draws} | {own.truth:.1f} | {_bias(found, what, cross_fitted)} | {own.half_width:.1f} | "
            f"{100 * own.coverage:.0f} % | {100 * test.coverage:.0f} % | {_bias(found, what, naive)} | "
            f"{plain.half_width:.1f} | {100 * plain.coverage:.0f} % |"
        )
    return rows if lines else []


def by_target(lines: Sequence[Line]) -> list[str]:
    """Truth, bias, half interval and draws that it holds, of the difference, for every target and number of labels."""
    shots = sorted({line["asked"]["shots"] for line in lines})
    rows = ["| target | " + " | ".join(f"{k} labels a class" for k in shots) + " |", "| --- " * (1 + len(shots)) + "|"]
    for target, found in _grouped(lines, "target").items():
        cells = []
        for k in shots:
            own = Summary.of(cross_fitted(line, GAP) for line in found if line["asked"]["shots"] == k)
            held = f"{own.coverage * own.draws:.0f}/{own.draws}"
            cells.append(f"{own.truth:.1f} / {own.bias:+.1f} / {own.half_width:.1f} / {held}")
        rows.append(f"| {target} | " + " | ".join(cells) + " |")
    return rows[:-1] if lines else []  # the last one is over all


def by_weight(lines: Sequence[Line]) -> list[str]:
    """Bias of errors over labels, and of errors over classes."""
    rows = [
        "| labels a class | " + " | ".join(f"{NAMES[what]}: plain | balanced" for what in (BEST, NONE, GAP)) + " |",
        "| --- " * 7 + "|",
    ]
    for shots, found in _grouped(lines, "shots").items():
        cells = [_bias(found, what, how) for what in (BEST, NONE, GAP) for how in (cross_fitted, balanced)]
        rows.append(f"| {shots} | " + " | ".join(cells) + " |")
    return rows if lines else []


def by_balance(lines: Sequence[Line], sets: Mapping[str, Sequence[Line]]) -> list[str]:
    """How often intervals of the best mixture's error hold the truth, plain and balanced."""
    rows = [
        "| | draws | plain: half interval | holds the truth | of the test part | balanced: half interval | "
        "holds the truth | of the test part |",
        "| --- " * 8 + "|",
    ]
    groups = {f"{shots} labels a class": found for shots, found in _grouped(lines, "shots").items() if shots != "all"}
    named = {f"{name} {len({one['asked']['target'] for one in part})} targets": part for name, part in sets.items()}
    for name, found in {**groups, **named}.items():
        cells = []
        for how in (cross_fitted, balanced):
            own = Summary.of(how(line, BEST) for line in found)
            test = Summary.of(how(line, BEST, truth="test") for line in found)
            cells += [f"{own.half_width:.1f}", f"{100 * own.coverage:.0f} %", f"{100 * test.coverage:.0f} %"]
        rows.append(f"| {name} | {len(found)} | {' | '.join(cells)} |")
    return rows if lines else []


def by_interval(sets: Mapping[str, Sequence[Line]]) -> list[str]:
    """How far estimates stray, in units of what the bootstrap says, and coverage with and without the factor."""
    rows = [
        "| | divisions | strays, bootstrap = 1 | bootstrap holds the truth | with the factor |",
        "| --- | --- | --- | --- | --- |",
    ]
    for what in (GAP, BEST):
        for name, lines in sets.items():
            for repeats in (1, 3) if lines else ():
                found = [bootstrapped(line, what, repeats=repeats) for line in lines]
                wide = Summary.of(cross_fitted(line, what, repeats=repeats) for line in lines)
                stray = np.array([1.96 * (one.estimate - one.truth) / one.half_width for one in found])
                rows.append(
                    f"| {NAMES[what]}, {name} {len({line['asked']['target'] for line in lines})} targets | {repeats} | "
                    f"{np.sqrt((stray**2).mean()):.2f} | {100 * Summary.of(found).coverage:.0f} % | "
                    f"{100 * wide.coverage:.0f} % |"
                )
    return rows if len(rows) > 2 else []


def _grouped(lines: Sequence[Line], key: str) -> dict[Any, list[Line]]:
    """Lines by what was asked, in order, and all of them."""
    values = dict.fromkeys(line["asked"][key] for line in lines)
    order = sorted(values) if key == "shots" else list(values)
    return {value: [line for line in lines if line["asked"][key] == value] for value in order} | {"all": [*lines]}


def _bias(lines: Sequence[Line], what: str, how: Callable[[Line, str], Verdict]) -> str:
    """Mean over targets with its 95 % interval."""
    pairs = [(line["asked"]["target"], how(line, what)) for line in lines]
    mean, half = over_targets((target, one.estimate - one.truth) for target, one in pairs)
    return f"{mean:+.1f} ± {half:.1f}"
