"""The tables of reports/geometry-labels.md, from what geometry_labels.py found.

    python -m research.geometry_labels.tables

An interval is that of a paired mean over (target, hidden source) cells, seeds averaged first: Student's, 95 %. A
difference whose interval holds zero is a tie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from research.common.lines import Lines
from research.common.mixtures import GREY
from research.geometry_labels.forecast import Forecast
from research.geometry_labels.worth import FOLDER, MAIN, VARIANTS

Cells = Mapping[tuple[Any, ...], float]  # (target, hidden source) or (target,) -> error, mean over seeds


def lines(stage: str) -> list[dict[str, Any]]:
    return Lines(FOLDER / f"geometry_labels_{stage}.jsonl").all()


def cells(found: Iterable[dict[str, Any]], way: str, measure: str, place: Callable[[dict[str, Any]], Any]) -> Cells:
    """Mean over the seeds of every cell in which that way was measured."""
    grouped: dict[Any, list[float]] = defaultdict(list)
    for line in found:
        if line["asked"]["labels"] == way and measure in line:
            grouped[place(line["asked"])].append(line[measure])
    return {key: float(np.mean(values)) for key, values in grouped.items()}


def both(asked: dict[str, Any]) -> tuple[str, str]:
    return asked["target"], [name for name in GREY if name != asked["target"]][asked["hidden"]]


def mean(values: Cells, where: Callable[[Any], bool] = lambda key: True) -> str:
    chosen = [value for key, value in values.items() if where(key)]
    return f"{100 * np.mean(chosen):.1f}" if chosen else "-"


def difference(one: Cells, other: Cells) -> str:
    """Mean of one - other over the cells that both have, in points, with its interval and the verdict in a word."""
    gaps = 100 * np.array([one[key] - other[key] for key in one if key in other])
    half = stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    word = "tie" if abs(gaps.mean()) <= half else "worse" if gaps.mean() > 0 else "better"
    return f"{gaps.mean():+.1f} ± {half:.1f} ({word}, {len(gaps)} cells)"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    names = list(head)
    print(f"\n| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def by(measure: str, part: int, ways: Iterable[str], first: str) -> None:
    """Errors by target (part 0) or by hidden source (part 1), a column a way."""
    main = lines("main")
    found = {way: cells(main, way, measure, both) for way in ways}
    rows = [[name, *(mean(found[way], lambda key, n=name: key[part] == n) for way in ways)] for name in GREY]
    table([first, *ways], [*rows, ["mean", *(mean(found[way]) for way in ways)]])
    for one, other in (("g2l", "true"), ("clusters", "true"), ("g2l", "clusters"), *((way, "without") for way in ways)):
        if other in found and one != other:
            print(f"- {one} minus {other}: {difference(found[one], found[other])}")


def variants() -> None:
    """Other rules and more labels: the hidden source alone, first seed."""
    found = [line for line in (*lines("main"), *lines("variants")) if line["asked"]["seed"] == 0]
    ways = ("g2l", "clusters", *VARIANTS)
    values = {way: cells(found, way, "alone", both) for way in ways}
    rows = [
        [
            way,
            mean(values[way]),
            difference(values[way], values["g2l" if way.startswith("g2l") else "clusters"]) if "," in way else "",
            f"{np.mean([*cells(found, way, 'information', both).values()]):.2f}",
            f"{mean(cells(found, way, 'largest', both))} %",
        ]
        for way in ways
        if values[way]
    ]
    table(["labels", "error, alone", "minus the same with 10", "shared with the truth", "largest class"], rows)


def mixtures(stage: str) -> None:
    """Errors of the projection on the hull, or of whole searches, with the hidden source's weight, a number a seed."""
    found = lines(stage)
    values = {way: cells(found, way, stage, lambda asked: (asked["target"],)) for way in MAIN}
    hidden = {line["asked"]["target"]: line["hidden"] for line in lines("hull") if line["asked"]["seed"] == 0}
    weights: dict[Any, list[float]] = defaultdict(list)
    for line in found:
        name, way = line["asked"]["target"], line["asked"]["labels"]
        weights[name, way].append(line["weights"].get(hidden[name], 0.0))

    def weight(name: str, way: str) -> str:
        return ", ".join(f"{one:.2f}" for one in weights.get((name, way), [0.0]))

    rows = [
        [
            name,
            hidden[name],
            *(f"{mean(values[way], lambda key, n=name: key[0] == n)} ({weight(name, way)})" for way in MAIN),
        ]
        for name in GREY
        if any(line["asked"]["target"] == name for line in found)
    ]
    table(["target", "hidden", *MAIN], rows)
    for one, other in (
        ("g2l", "true"),
        ("clusters", "true"),
        ("g2l", "clusters"),
        ("g2l", "without"),
        ("clusters", "without"),
    ):
        if len(values[one]) > 1:
            print(f"- {one} minus {other}: {difference(values[one], values[other])}")


def forecast() -> None:
    """Divergence of a source to the target against the error that the source alone leads to."""
    errors = {way: cells(lines("main"), way, "alone", both) for way in ("true", "g2l", "clusters")}
    rows = []
    for embedding in ("source-classifier", "pixels"):
        grouped: dict[Any, list[float]] = defaultdict(list)
        for line in lines("divergence"):
            for hidden, value in enumerate(line["divergences"][embedding]):
                grouped[both({"target": line["asked"]["target"], "hidden": hidden})].append(value)
        far = {key: float(np.mean(values)) for key, values in grouped.items()}
        for way, error in errors.items():
            keys = [key for key in error if key in far]
            taus = [
                stats.kendalltau(
                    [far[k] for k in keys if k[0] == name], [error[k] for k in keys if k[0] == name]
                ).statistic
                for name in GREY
            ]
            fit = Forecast.of([far[k] for k in keys], [error[k] for k in keys])
            missed = []
            for name in GREY:  # the line of the other four targets forecasts this one's sources
                others = [k for k in keys if k[0] != name]
                line_of = Forecast.of([far[k] for k in others], [error[k] for k in others])
                missed += [abs(line_of(far[k]) - error[k]) for k in keys if k[0] == name]
            rows.append(
                [
                    embedding,
                    way,
                    f"{np.mean(taus):+.2f}",
                    " ".join(f"{tau:+.2f}" for tau in taus),
                    f"{fit.tau:+.2f}",
                    f"{100 * np.mean(missed):.1f}",
                ]
            )
    table(
        ["embedding", "labels of the source", "tau within a target, mean", "each", "tau, all", "missed by, points"],
        rows,
    )


def main() -> None:
    print("## The hidden source alone, by target")
    by("alone", 0, ("true", "g2l", "clusters"), "target")
    print("\n## The hidden source alone, by source")
    by("alone", 1, ("true", "g2l", "clusters"), "hidden")
    print("\n## The pooled union of all four, by target")
    by("pooled", 0, MAIN, "target")
    print("\n## The projection on the hull (weight of the hidden source)")
    mixtures("hull")
    if lines("search"):
        print("\n## Whole searches (weight of the hidden source in the best mixture, seed by seed)")
        mixtures("search")
    print("\n## Other rules, more labels")
    variants()
    print("\n## Forecast")
    forecast()


if __name__ == "__main__":
    main()
