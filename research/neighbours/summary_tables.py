"""The table at the head of reports/neighbours.md: every method beside the same without it, from all that was measured.

    python -m research.neighbours.summary_tables

Differences are paired: same target, draw and network. Intervals are 95 % t intervals over the targets, whose draws and
seeds are averaged first. "better" and "worse" are said where the interval leaves out zero, with no correction for the
number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geosearch.confirmation.row import BEST
from geosearch.mixture.baselines import POOLED
from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.page import fill
from research.neighbours import (
    augmentations,
    episodes,
    merged_labels,
    rehearsal,
    searched_augmentation,
    uneven_labels,
    wrong_labels,
    wrong_shots,
)
from research.neighbours.label_tables import PAGE, Pairs
from research.neighbours.weighting_tables import FEWEST
from research.transfer import standings

FOLDER = PAGE.parent / "data"
HYPER = "weights by hypergradient"  # a row of the contest
Line = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A method beside the same without it.

    Attributes:
        method: its name, with its key in study files.
        beside: what it is compared with, and where.
        gaps: (target, method minus other), errors in [0, 1].
        seconds: of the method and of the other, wherever both were measured; empty where that is not the question.
    """

    method: str
    beside: str
    gaps: Pairs
    seconds: Sequence[tuple[float, float]] = ()

    @property
    def outcome(self) -> str:
        mean, half = over_targets(self.gaps)
        return "tie" if not abs(mean) > half else "better" if mean < 0 else "worse"

    @property
    def text(self) -> str:
        mean, half = over_targets(self.gaps)
        gap = f"{100 * mean:+.1f} ± {100 * half:.1f}".replace("-", "\N{MINUS SIGN}")
        own, other = np.sum(self.seconds, 0) if self.seconds else (0.0, 0.0)
        times = f"{own / other:.1f}" if other else ""
        count = len({target for target, _ in self.gaps})
        return f"| {self.method} | {self.beside} | {gap} ({count}) | {times} | {self.outcome} |"


def uneven() -> Iterator[Row]:
    lines = uneven_labels.FILE.all()

    def row(method: str, way: str, loss: str, other: str, beside: str) -> Row:
        has = [(line["asked"]["target"], line["errors"][way]) for line in lines if way in line["errors"]]
        gaps = [(target, found[loss][0] - found[other][0]) for target, found in has]
        seconds = [] if way == "ridge" else [(found[loss][2], found[other][2]) for _, found in has]
        return Row(method, beside, gaps, seconds)

    adjusted, learned = '`recipe.loss = "logit-adjusted"`', 'AutoBalance (`recipe.loss = "balanced"`)'
    for way in ("ridge", "fine-tune"):
        yield row(adjusted, way, "logit-adjusted", "plain", f"plain loss, uneven labels (10:1), {way}, balanced error")
    yield row(learned, "fine-tune", "balanced", "logit-adjusted", "logit adjustment, same, fine-tune")


def shots() -> Iterator[Row]:
    lines = wrong_shots.FILE.all()

    def row(method: str, kind: str, way: str, other: str, count: int, wrong: float) -> Row:
        has = [
            (line["asked"]["target"], line["errors"])
            for line in lines
            if (line["asked"]["kind"], line["asked"]["shots"]) == (kind, count)
        ]
        gaps = [(target, found[way][str(wrong)][0] - found[other][str(wrong)][0]) for target, found in has]
        where = f"{count} shots, {100 * wrong:.0f} % of them wrong"
        both = [(found[way][str(wrong)][1], found[other][str(wrong)][1]) for _, found in has]
        return Row(method, f"{other}, {where}", gaps, both if kind == "whole" else [])

    for wrong in (0.4, 0.0):
        yield row("prototypes (`recipe.adaptation`)", "heads", "prototypes", "ridge", 5, wrong)
        for name, title in (("median", "median"), ("similarity", "similarity weights"), ("transformer", "TraNFS")):
            method = f'{title} (`recipe.robust = "{name}"`)'
            yield row(method, "heads", f"prototypes, {name}", "prototypes", 5, wrong)
        yield row("regularized self-labelling", "whole", "regularized", "fine-tune", 20, wrong)


def weightings() -> Iterator[Row]:
    names = {
        "meta-reweighted": 'learning to reweight (`confirm.variants = ["meta-reweighted"]`)',
        "mentor": 'MentorNet (`"mentor"`)',
        "advisor": 'advisor network (`"advisor"`)',
        "importance": 'importance weights, joint (`"importance"`)',
        "domain classifier": 'importance weights, static (`"domain-classifier"`)',
        "derivative": 'without what the derivative finds harmful (`"curated"`)',
    }
    for source, title in (("pairs 40", "40 % wrong labels by pairs"), ("right", "all labels right")):
        lines = [line for line in wrong_labels.FILE.all() if line["asked"]["source"] == source]
        for way, method in names.items():
            found = [(line["asked"]["target"], line["found"]) for line in lines]
            gaps = [(target, one[way]["own"] - one["none"]["own"]) for target, one in found]
            seconds = [(one[way]["s"], one["none"]["s"]) for _, one in found]
            yield Row(method, f"training without weights, {title}", gaps, seconds)


def pretraining() -> Iterator[Row]:
    found = by_rest(episodes.FILE.all(), "objective")
    for name, inner in (("ridge", "ridge"), ("svm", "svm"), ("descent", "descent")):
        method = f'episodes (`recipe.objective = "episodic"`, `inner = "{inner}"`)'
        gaps = paired(found, f"episodic, {name}", "supervised", lambda line: line["errors"]["ridge"]["5"])
        yield Row(method, "supervised in equal time, ridge head, 5 shots", gaps)
    found = by_rest([line for line in merged_labels.FILE.all() if line["asked"]["question"] == "targets"], "way")
    for way, method in (
        ("merged", 'MeLa\'s global labels (`domain.label_space = "merged"`)'),
        ("disjoint, turned", 'turned images as classes (`recipe.objective = "rotated-classes"`)'),
        ("merged, turned", "both, as in MeLa's second round"),
    ):
        gaps = paired(found, way, "disjoint", lambda line: line["errors"]["ridge, 5 a class"])
        yield Row(method, "disjoint labels, ridge head, 5 shots", gaps, seconds_of(found, way, "disjoint"))
    asked = [line for line in augmentations.FILE.all() if line["asked"]["question"] == "targets"]
    found = by_rest(asked, "row")
    for name in ("trivial", "rand", "augmix", "learned"):
        gaps = paired(found, name, "fixed", lambda line: line["errors"]["fine-tune"], "of")
        method = f'`recipe.augmentation = "{name}"`'
        yield Row(method, "fixed ranges, fine-tune, 5 shots", gaps, seconds_of(found, name, "fixed"))
    found = by_rest(searched_augmentation.FILE.all(), "way")
    gaps = paired(found, "searched", "fixed", lambda line: line["errors"]["fine-tune"])
    method = '`recipe.augmentation = "searched"`'
    yield Row(method, "fixed ranges, whole studies, fine-tune, 5 shots", gaps)


def other_rooms() -> Iterator[Row]:
    """What has a page of its own, and the rows of the contest."""
    for count in (2, 5):
        found = [
            (one["asked"]["target"], one["errors"]) for one in standings.read(FOLDER, count) if HYPER in one["errors"]
        ]
        for rival, name in ((POOLED, "pooled union"), (BEST, "search by `hull`")):
            gaps = [(target, errors[HYPER]["ridge"] - errors[rival]["ridge"]) for target, errors in found]
            method = 'hypergradient (`confirm.controls = ["hypergradient"]`)'
            yield Row(method, f"{name}, ridge head, {count} shots", gaps)
    lines = [(line["asked"]["target"], line["errors"]) for line in rehearsal.FILE.all()]
    for way, method in (
        ("rehearse all", 'rehearsal (`recipe.adaptation = "rehearse"`)'),
        ("rehearse a quarter", "... of what unbalanced transport keeps (`rehearse_nearest`)"),
    ):
        gaps = [(target, found[way][0] - found["fine-tune"][0]) for target, found in lines]
        yield Row(method, "fine-tune, 5 shots", gaps, [(found[way][1], found["fine-tune"][1]) for _, found in lines])
    kept = [line for line in Lines(FOLDER / "condensation.jsonl").all() if line["asked"]["per_class"] in (0, 10)]
    found = by_rest([{**line, "asked": {**line["asked"], "per_class": 10}} for line in kept], "way")
    for other in ("random", "whole mixture"):
        gaps = paired(found, "learned", other, lambda line: line["error"])
        yield Row("condensation (`--condense 10`)", f"{other}, ridge head, 5 shots", gaps)
    lines = Lines(FOLDER / "next_labels.jsonl").all()
    found = by_rest([line for line in lines if line["asked"]["start"] in (1, 4)], "strategy")
    for start in (1, 4):
        some = {key: one for key, one in found.items() if dict(key)["start"] == start}
        gaps = paired(some, "typical", "random", lambda line: line["errors"][1] / 100)
        yield Row("`geosearch next`: typical images", f"random ones, 20 labels more than {start} a class", gaps)


def by_rest(lines: list[Line], name: str) -> dict[tuple[tuple[str, Any], ...], dict[str, Line]]:
    """What was asked but for `name` -> value of `name` -> line."""
    found: dict[tuple[tuple[str, Any], ...], dict[str, Line]] = {}
    for line in lines:
        rest = tuple(sorted((key, value) for key, value in line["asked"].items() if key != name))
        found.setdefault(rest, {})[line["asked"][name]] = line
    return found


def paired(
    found: Mapping[tuple[tuple[str, Any], ...], Mapping[str, Line]],
    one: str,
    other: str,
    errors: Callable[[Line], Any],
    target: str = "target",
) -> Pairs:
    """(target, mean difference) wherever both were measured."""
    return [
        (dict(rest)[target], float(np.mean(errors(lines[one])) - np.mean(errors(lines[other]))))
        for rest, lines in found.items()
        if one in lines and other in lines
    ]


def seconds_of(found: Mapping[Any, Mapping[str, Line]], one: str, other: str) -> list[tuple[float, float]]:
    """Seconds of the pretraining with both, wherever both were measured."""
    both = [lines for lines in found.values() if one in lines and other in lines]
    return [(float(np.ravel(lines[one]["seconds"])[0]), float(np.ravel(lines[other]["seconds"])[0])) for lines in both]


def table() -> list[str]:
    """Markdown: a row for each method."""
    rows = [*uneven(), *shots(), *weightings(), *pretraining(), *other_rooms()]
    return [
        "| method | beside | points (targets) | times as long | |",
        "| --- " * 5 + "|",
        *(row.text for row in rows if len({target for target, _ in row.gaps}) >= FEWEST),
    ]


def unlike() -> list[str]:
    """AUROC of the flag of `geosearch predict` beside maximum softmax, by pair and network."""
    found: dict[tuple[str, str, str], list[Any]] = {}
    for line in Lines(FOLDER / "model-unlike-scores.jsonl").all():
        asked = line["asked"]
        found.setdefault((asked["target"], asked["other"], asked["kind"]), []).append(line["scores"])
    rows = ["| target against, network | maximum softmax | as geosearch has it |", "| --- | --- | --- |"]
    for (target, other, kind), scores in found.items():
        softmax, own = (np.mean([one[name][0] for one in scores]) for name in ("softmax", "as geosearch has it"))
        rows.append(f"| {target} against {other}, {kind} | {softmax:.2f} | {own:.2f} |")
    return rows


def main() -> None:
    fill(PAGE, {"in short": table, "unlike": unlike}.items())


if __name__ == "__main__":
    main()
