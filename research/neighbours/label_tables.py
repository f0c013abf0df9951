"""The tables of uneven labels, wrong shots, episodes, merged labels and rehearsal in reports/neighbours.md.

    python -m research.neighbours.label_tables

Errors in %, means over targets. Differences are paired: same target, labels and network. Intervals are 95 % t intervals
over the targets, whose draws and seeds are averaged first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from research.common.intervals import over_targets
from research.common.page import fill
from research.neighbours import episodes, merged_labels, rehearsal, uneven_labels, wrong_shots
from research.neighbours.targets import PHOTOGRAPHS

PAGE = Path(__file__).parents[2] / "reports" / "neighbours.md"
Pairs = list[tuple[str, float]]  # target, value


def difference(pairs: Pairs) -> str:
    """In points, e.g. "-1.2 ± 0.8"."""
    mean, half = over_targets(pairs)
    return f"{100 * mean:+.1f} ± {100 * half:.1f}".replace("-", "\N{MINUS SIGN}")


def percent(pairs: Pairs) -> str:
    return f"{100 * over_targets(pairs)[0]:.1f}"


def uneven() -> list[str]:
    """A row for each way and loss: balanced error on each target, and beside the plain loss."""
    lines = uneven_labels.FILE.all()
    targets = list(dict.fromkeys(line["asked"]["target"] for line in lines))
    rows = [f"| | loss | {' | '.join(targets)} | beside plain | seconds |", "| --- " * (len(targets) + 4) + "|"]
    for way in uneven_labels.WAYS:
        has = [line for line in lines if way in line["errors"]]
        for loss in uneven_labels.LOSSES:
            found = [(line["asked"]["target"], line["errors"][way]) for line in has]
            cells = [percent([(t, e[loss][0]) for t, e in found if t == one] or [("", np.nan)]) for one in targets]
            against = difference([(t, e[loss][0] - e["plain"][0]) for t, e in found]) if loss != "plain" else ""
            seconds = np.mean([e[loss][2] for _, e in found])
            rows.append(f"| {way} | {loss} | {' | '.join(cells)} | {against} | {seconds:.1f} |".replace("nan", ""))
    return rows if lines else []


def wrong(kind: str) -> Iterator[str]:
    """A row for each way: mean error for each number of shots and fraction of wrong ones, and beside the first way."""
    lines = [line for line in wrong_shots.FILE.all() if line["asked"]["kind"] == kind]
    ways, shots = wrong_shots.KINDS[kind]
    columns = [(count, str(fraction)) for count in shots for fraction in wrong_shots.WRONG]
    if not lines:
        return
    yield f"| | {' | '.join(f'{count} shots, {100 * float(f):.0f} % wrong' for count, f in columns)} |"
    yield "| --- " * (len(columns) + 1) + "|"
    first = next(iter(ways))
    for way in ways:
        cells = []
        for count, f in columns:
            some = [one for one in lines if one["asked"]["shots"] == count and way in one["errors"]]
            found = [(one["asked"]["target"], one["errors"]) for one in some]
            own = percent([(t, e[way][f][0]) for t, e in found])
            beside = "" if way == first else f" ({difference([(t, e[way][f][0] - e[first][f][0]) for t, e in found])})"
            cells.append(own + beside)
        fewer = len({t for t, _ in found})
        name = way if fewer == len({one["asked"]["target"] for one in lines}) else f"{way} ({fewer} targets)"
        yield f"| {name} | {' | '.join(cells)} |"


def episodic() -> Iterator[str]:
    """A row for each objective: mean error of each head and number of shots, and beside supervised pretraining."""
    lines = episodes.FILE.all()
    by_cell = {(one["asked"]["target"], one["asked"]["seed"], one["asked"]["objective"]): one for one in lines}
    cells = [(head, str(count)) for head in episodes.HEADS for count in episodes.SHOTS]
    if not lines:
        return
    yield f"| pretraining | steps (glyphs, photographs) | {' | '.join(f'{head}, {n} a class' for head, n in cells)} |"
    yield "| --- " * (len(cells) + 2) + "|"
    for name in episodes.OBJECTIVES:
        own = [(t, s, one["errors"]) for (t, s, objective), one in by_cell.items() if objective == name]
        shown = []
        for head, n in cells:
            text = percent([(t, float(np.mean(e[head][n]))) for t, _, e in own])
            if name != "supervised":
                plain = {(t, s): by_cell[t, s, "supervised"]["errors"][head][n] for t, s, _ in own}
                text += f" ({difference([(t, float(np.mean(e[head][n]) - np.mean(plain[t, s]))) for t, s, e in own])})"
            shown.append(text)
        taken = [(t, one["steps"]) for (t, _, objective), one in by_cell.items() if objective == name]
        kinds = ([steps for t, steps in taken if (t in PHOTOGRAPHS) == photographs] for photographs in (False, True))
        steps = ", ".join(f"{np.mean(kind):.0f}" for kind in kinds if kind)
        yield f"| {name} | {steps} | {' | '.join(shown)} |"


def typefaces() -> list[str]:
    """A row for each embedding: labels of forty classes of ten digits, and their purity."""
    lines = [one for one in merged_labels.FILE.all() if one["asked"]["question"] == "typefaces"]
    rows = [f"| {one['asked']['embedding']} | {one['labels']} | {100 * one['purity']:.0f} % |" for one in lines]
    return ["| embedding | labels | purity |", "| --- | --- | --- |", *rows] if rows else []


def merged() -> Iterator[str]:
    """A row for each way: number of labels on each target, error of each head, and beside disjoint labels."""
    lines = [one for one in merged_labels.FILE.all() if one["asked"]["question"] == "targets"]
    by_cell = {(one["asked"]["target"], one["asked"]["seed"], one["asked"]["way"]): one for one in lines}
    names = list(dict.fromkeys(target for target, _, _ in by_cell))
    if not lines:
        return
    yield f"| labels | {' | '.join(f'of {name}' for name in names)} | {' | '.join(merged_labels.HEADS)} |"
    yield "| --- " * (1 + len(names) + len(merged_labels.HEADS)) + "|"
    for way in merged_labels.WAYS:
        own = {(target, seed): one for (target, seed, how), one in by_cell.items() if how == way}
        if not own:
            continue
        counts = [str(own[name, 0]["labels"]) if (name, 0) in own else "" for name in names]
        cells = []
        for head in merged_labels.HEADS:
            found = [(target, float(np.mean(one["errors"][head]))) for (target, _), one in own.items()]
            plain = [np.mean(by_cell[*key, merged_labels.WAYS[0]]["errors"][head]) for key in own]
            gaps = [(target, error - float(other)) for (target, error), other in zip(found, plain, strict=True)]
            cells.append(percent(found) + (f" ({difference(gaps)})" if way != merged_labels.WAYS[0] else ""))
        yield f"| {way} | {' | '.join(counts)} | {' | '.join(cells)} |"


def rehearsed() -> Iterator[str]:
    """A row for each way: error on each target, beside fine-tuning alone, and seconds."""
    lines = [(one["asked"]["target"], one["errors"]) for one in rehearsal.FILE.all()]
    names = list(dict.fromkeys(target for target, _ in lines))
    if not lines:
        return
    yield f"| | {' | '.join(names)} | beside fine-tune | seconds |"
    yield "| --- " * (3 + len(names)) + "|"
    for way in rehearsal.WAYS:
        cells = [percent([(t, found[way][0]) for t, found in lines if t == name]) for name in names]
        gaps = [(target, found[way][0] - found["fine-tune"][0]) for target, found in lines]
        seconds = np.mean([found[way][1] for _, found in lines])
        beside = difference(gaps) if way != "fine-tune" else ""
        yield f"| {way} | {' | '.join(cells)} | {beside} | {seconds:.1f} |"


def main() -> None:
    blocks = {
        "uneven labels": uneven,
        "wrong shots heads": lambda: list(wrong("heads")),
        "wrong shots whole": lambda: list(wrong("whole")),
        "episodes": lambda: list(episodic()),
        "typefaces": typefaces,
        "merged labels": lambda: list(merged()),
        "rehearsal": lambda: list(rehearsed()),
    }
    fill(PAGE, blocks.items())


if __name__ == "__main__":
    main()
