"""What whole studies answered, beside every other row: their tables in reports/photographs.md, and a judgement.

The rows of a study are those of its confirmation under each adaptation (a row may keep less than all of what it
trained, or nothing: `recipe.interpolation`). Rows that such short studies do not train are those of further_rows.py and
single_sources.py; the heads are those of without.py. All are of the same labels and test images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from geosearch.confirmation.intervals import t_half_width
from geosearch.confirmation.row import BEST, NO_PRETRAINING
from geosearch.mixture.baselines import SINGLE
from geosearch.study.union_path import row_name
from research.photographs import further_rows, searches, single_sources
from research.photographs.cells import interval
from research.photographs.sets import DRAWS, MEAN, TARGETS, UNEVEN

ADAPTATIONS = {"ridge": "ridge", "self-train-ridge": "self-trained", "fine-tune": "fine-tuned"}
UNION = row_name(4)
SHOWN = (
    BEST,
    UNION,
    "hull projection",
    "hull projection, cloud",
    "pooled union",
    "nearest single source",
    NO_PRETRAINING,
)
ORACLE = "lowest row of the study (by test error)"
CHOSEN, CHOSEN_AT = "head chosen by cross-validation", 5  # labels a class at which it was
HEADS = ("logistic regression", "nearest mean", "label spreading")  # ridge and self-training are rows of the study
HEADS_UNEVEN = HEADS[1:]
MUST_BEAT = ((NO_PRETRAINING, "ridge"), (NO_PRETRAINING, "self-train-ridge"))
SETTINGS = ("union", "both")  # what the lines of today's studies are kept under; the second has no deep union
OTHERS = {  # what the lines of other studies are kept under -> how these differed
    "both": "`recipe.union_stages = 0`",
    "4 stages": "`recipe.union_stages = 0` and `recipe.trainable = 4`",
    "both, long searches": "trainings of 150 steps throughout",
    "trained": '150 steps throughout and `recipe.features = "trained"`',
}
Labels = int | str  # a class, or `UNEVEN`
Cell = tuple[str, int]  # target and draw
Cells = Mapping[Cell, Mapping[str, Any]]  # study -> head -> error, or errors of several seeds
Errors = Mapping[str, np.ndarray]  # target -> error of each draw
Heads = Callable[[str, Labels, str, int], float]  # (target, shots, way, draw) -> error


@cache
def studies(shots: Labels, settings: str = "") -> dict[tuple[str, int], dict[str, Any]]:
    """(target, draw) -> line, of the first of `SETTINGS` that all targets have been studied with if none are named."""
    lines = [(line["asked"], line) for line in searches.FILE.all()]

    def kept(name: str) -> dict[tuple[str, int], dict[str, Any]]:
        return {
            (asked["target"], asked["draw"]): line
            for asked, line in lines
            if (asked["shots"], asked["features"]) == (shots, name)
        }

    if settings:
        return kept(settings)
    found = [kept(name) for name in SETTINGS]
    return next((one for one in found if {target for target, _ in one} == {*TARGETS}), found[-1])


def draws_of(target: str, shots: Labels) -> list[int]:
    return [draw for draw in range(DRAWS) if (target, draw) in studies(shots)]


def answered(shots: Labels, kind: str = "rows") -> Errors:
    """Errors of the answers, a number a draw; `kind` is "rows" (plain errors) or "balanced"."""
    return by_target(shots, lambda line: line[kind][line["answer"][0]][line["answer"][1]])


def by_target(shots: Labels, errors: Callable[[dict[str, Any]], Sequence[float]]) -> Errors:
    """Mean over the seeds of what a function reads from a line, for each target and draw."""
    return over_draws(shots, lambda cell: np.mean(errors(studies(shots)[cell])))


def over_draws(shots: Labels, error: Callable[[Cell], Any]) -> Errors:
    """What a function says of each study."""
    return {t: np.array([error((t, draw)) for draw in draws_of(t, shots)]) for t in TARGETS}


def of_row(name: str, adaptation: str, shots: Labels, kind: str = "rows") -> Errors:
    """Errors of a row under an adaptation."""

    def errors(line: dict[str, Any]) -> Sequence[float]:
        rows = line[kind]
        if name == "nearest single source":
            return next(found[adaptation] for key, found in rows.items() if key.startswith(SINGLE))
        return rows[name][adaptation]

    return by_target(shots, errors)


def other_rows(shots: Labels, heads: Heads) -> Iterator[tuple[str, Errors]]:
    """Every row but the answer and the oracles."""
    for name in SHOWN:
        if any(name == UNION and name not in line["rows"] for line in studies(shots).values()):
            continue
        for adaptation, shown in ADAPTATIONS.items():
            if name == NO_PRETRAINING or adaptation != "fine-tune":
                yield f"{name}, {shown}", of_row(name, adaptation, shots)
    for name, found in further(shots).items():
        for head in further_rows.HEADS:
            yield f"{name}, {ADAPTATIONS[head]}", over_draws(shots, lambda cell, h=head, f=found: np.mean(f[cell][h]))
    for way in (*HEADS, CHOSEN) if shots == CHOSEN_AT else HEADS_UNEVEN if shots == UNEVEN else HEADS:
        yield f"{NO_PRETRAINING}, {way}", over_draws(shots, lambda cell, w=way: heads(cell[0], shots, w, cell[1]))


def further(shots: Labels) -> dict[str, Cells]:
    """Rows that were trained apart from the studies: row -> study -> head -> errors, if all studies have it."""
    found = {**further_rows.rows(shots), single_sources.CHOSEN: single_sources.chosen(shots)}
    return {name: cells for name, cells in found.items() if studies(shots).keys() <= cells.keys()}


def trained_again() -> list[str]:
    """The nearest single source as single_sources.py trained it, minus the same row of the studies."""

    def again(shots: Labels, head: str) -> Errors:
        known = single_sources.known(shots)

        def error(cell: Cell) -> float:
            name = next(row for row in studies(shots)[cell]["rows"] if row.startswith(SINGLE))
            return known[cell][name.removeprefix(SINGLE)][head]

        return over_draws(shots, error)

    def gap(shots: Labels, head: str) -> str:
        gaps = _means(again(shots, head), of_row("nearest single source", head, shots))
        return f"{ADAPTATIONS[head]} {interval(gaps)}"

    return [
        f"- {named(shots)} a class: {', '.join(gap(shots, head) for head in further_rows.HEADS)} points"
        for shots in searches.LABELS
    ]


def oracles(shots: Labels) -> Iterator[tuple[str, Errors]]:
    """What has the least test error of each study: of its rows, and of all single sources."""

    def lowest(line: dict[str, Any]) -> Sequence[float]:
        return min((errors for row in line["rows"].values() for errors in row.values()), key=np.mean)

    yield ORACLE, by_target(shots, lowest)
    if studies(shots).keys() <= (found := single_sources.lowest(shots)).keys():
        yield single_sources.LOWEST, over_draws(shots, found.__getitem__)


def named(shots: Labels) -> str:
    """The number of labels in words; "a class" follows.

    >>> named(1), named("uneven")
    ('1 label', 'uneven labels, 5')
    """
    return f"uneven labels, {MEAN}" if shots == UNEVEN else f"{shots} label{'s' * (shots != 1)}"


def table(shots: Labels, heads: Heads) -> list[str]:
    """Errors of the answers and of all other rows, with the differences of these from the answers."""
    if not all(draws_of(target, shots) for target in TARGETS):
        return []
    columns = [f"{target} ({len(draws_of(target, shots))})" for target in TARGETS]
    label = f"{named(shots)} a class"
    lines = [f"| {label} | {' | '.join(columns)} | mean difference |", "| --- " * 8 + "|"]
    answer = answered(shots)
    shown = [f"{100 * answer[target].mean():.1f}" for target in TARGETS]
    lines.append(f"| **the study's answer** | {' | '.join(shown)} | |")
    for name, errors in [*other_rows(shots, heads), *oracles(shots)]:
        gaps = {t: 100 * (errors[t] - answer[t]) for t in TARGETS}
        cells = [f"{100 * errors[t].mean():.1f} ({interval(gaps[t])})" for t in TARGETS]
        lines.append(f"| {name} | {' | '.join(cells)} | {interval([gaps[t].mean() for t in TARGETS])} |")
    if any(line["answer"][0] == UNION for line in studies(shots).values()):
        lines.append(f"| *answer by the deep union* | {' | '.join(_counted(shots, UNION))} | |")
    lines.append(f"| *answer without a source* | {' | '.join(_counted(shots, NO_PRETRAINING))} | |")
    minutes = [
        f"{max(studies(shots)[t, d]['processor_seconds'] for d in draws_of(t, shots)) / 60:.1f}"
        for t in TARGETS  # of a study whose evaluations lay in the cache it is little
    ]
    lines.append(f"| *processor minutes a study, at most* | {' | '.join(minutes)} | |")
    return lines


def _counted(shots: Labels, row: str) -> list[str]:
    """In how many studies of each target a row is the answer, in words."""
    draws = {target: draws_of(target, shots) for target in TARGETS}
    return [f"{sum(studies(shots)[t, d]['answer'][0] == row for d in own)} of {len(own)}" for t, own in draws.items()]


def judged(shots: Labels, heads: Heads) -> list[str]:
    """Where the answer is clear of other rows, in either direction, by the interval over draws."""
    if not all(len(draws_of(target, shots)) > 1 for target in TARGETS):
        return []
    answer, better, count = answered(shots), [], 0
    for name, errors in other_rows(shots, heads):
        for target in TARGETS:
            gaps = errors[target] - answer[target]
            count += 1
            if gaps.mean() + t_half_width(gaps) < 0:
                better.append(f"{name} on {target} ({interval(100 * gaps)})")
    clear = []
    for target in TARGETS:
        gaps = [of_row(name, adaptation, shots)[target] - answer[target] for name, adaptation in MUST_BEAT]
        if all(g.mean() - t_half_width(g) > 0 for g in gaps):
            clear.append(target)
    means = [
        f"{ADAPTATIONS[adaptation]} {interval(_means(of_row(name, adaptation, shots), answer))}"
        for name, adaptation in MUST_BEAT
    ]
    balanced = [
        f"{ADAPTATIONS[adaptation]} "
        f"{interval(_means(of_row(name, adaptation, shots, 'balanced'), answered(shots, 'balanced')))}"
        for name, adaptation in MUST_BEAT
    ]
    return [
        f"- At {named(shots)} a class, {len(better)} of {count} cells (rows and targets) are better than the answer by "
        f"an interval over the draws without zero: {'; '.join(better) or 'none'}.",
        f"- Better than no pretraining with the ridge head *and* self-trained, each by an interval without zero: "
        f"{len(clear)} of {len(TARGETS)} targets ({', '.join(clear) or 'none'}).",
        f"- No pretraining minus the answer, points, mean and interval over the targets: {', '.join(means)}; of "
        f"balanced errors: {', '.join(balanced)}.",
        *_with_others(shots),
    ]


def _with_others(shots: Labels) -> list[str]:
    """The answers of the same studies with other settings, those of earlier defaults too, minus these."""
    now, found = studies(shots), []
    for name, settings in OTHERS.items():
        then = studies(shots, name)
        if then == now:
            continue
        both = {t: [d for d in draws_of(t, shots) if (t, d) in then] for t in TARGETS}
        if all(both.values()):
            gaps = {t: [100 * (_answer(then[t, d]) - _answer(now[t, d])) for d in both[t]] for t in TARGETS}
            cells = ", ".join(f"{t} {interval(gaps[t])}" for t in TARGETS)
            mean = interval([float(np.mean(gaps[t])) for t in TARGETS])
            count = sum(map(len, both.values()))
            found.append(f"- {count} of the same studies with {settings} minus these: {mean} points ({cells}).")
    return found


def _answer(line: dict[str, Any]) -> float:
    row, adaptation = line["answer"]
    return float(np.mean(line["rows"][row][adaptation]))


def _means(errors: Errors, answer: Errors) -> list[float]:
    return [100 * float((errors[target] - answer[target]).mean()) for target in TARGETS]
