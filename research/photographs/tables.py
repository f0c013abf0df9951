"""The tables of reports/photographs.md, and that of photographs in reports/transport.md, from the kept lines.

python -m research.photographs.tables
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geosearch.confirmation.intervals import t_half_width
from research.common.page import fill
from research.photographs import (
    agreement,
    blocks,
    choice,
    depth,
    fine_tuning,
    from_nothing,
    from_scratch,
    head_choice,
    layers,
    lengths,
    maps,
    merged,
    mixtures,
    searches,
    side_by_side,
    soups,
    uneven,
    union_heads,
    union_paths,
    whole_studies,
    without,
)
from research.photographs.episodes import NONE
from research.photographs.mixtures import of_target
from research.photographs.scoring import ERROR, LEFT_OUT, SELF_TRAINED, SQUARED
from research.photographs.sets import CHOSEN_ON, DRAWS, SHOTS, TARGETS, sources_of

PAGE = Path(__file__).parents[2] / "reports" / "photographs.md"
DISTANCES = PAGE.with_name("transport.md")
LAST = "150"
EVEN = "balance 1"  # settings that know that classes are equally frequent
Cell = Sequence[float]


def head(first: str, columns: Sequence[str] = TARGETS) -> list[str]:
    return [f"| {first} | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]


def row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def percent(values: Sequence[float]) -> str:
    return f"{100 * float(np.mean(values)):.1f}"


def difference(values: Sequence[float], base: Sequence[float]) -> str:
    """Mean paired difference in points with its 95 % t interval over draws."""
    gaps = 100 * (np.asarray(values) - np.asarray(base))
    return f"{gaps.mean():+.1f} ± {t_half_width(list(gaps)):.1f}"


def against(name: str, found: Mapping[str, np.ndarray | None], base: Mapping[str, np.ndarray]) -> str:
    """A row of errors with their differences from the base, and the mean difference with its interval over targets."""
    cells = ["-" if o is None else f"{percent(o)} ({difference(o, base[t])})" for t, o in found.items()]
    gaps = [100 * float(np.mean(o - base[t])) for t, o in found.items() if o is not None]
    mean = f"{np.mean(gaps):+.1f} ± {t_half_width(gaps):.1f}" + (f" ({len(gaps)})" if len(gaps) < len(TARGETS) else "")
    return row(name, [*cells, mean])


MEAN = "mean difference"


# ways without a source


@cache
def heads_found() -> dict[tuple[str, int, str], list[tuple[float, float, float]]]:
    """(target, shots, way) -> of each draw error, balanced error and seconds."""
    found = defaultdict(list)
    for line in sorted(without.FILE.all(), key=lambda line: line["asked"]["draw"]):
        for way, numbers in line["errors"].items():
            found[line["asked"]["target"], line["asked"]["shots"], way].append(tuple(numbers))
    return dict(found)


def chosen(family: str, even: bool = False) -> str:
    """The setting of a way with the least mean error over the targets to choose on and all numbers of labels."""
    known = heads_found()
    names = {w for _, _, w in known if w.startswith(family) and (EVEN in w) == even}
    return min(names, key=lambda w: np.mean([[v[0] for v in known[t, s, w]] for t in CHOSEN_ON for s in SHOTS]))


def shown_ways() -> dict[str, str]:
    """Name in the tables -> way."""
    ways = {name: name for name in without.HEADS}
    for family in without.TUNED:
        ways[family] = chosen(family)
        ways[f"{family}, classes known to be even"] = chosen(family, even=True)
    return ways


def without_table(shots: int) -> list[str]:
    known = heads_found()
    lines = head(f"{shots} a class", (*TARGETS, "mean", "seconds"))
    for name, way in shown_ways().items():
        cells, means = [], []
        for target in TARGETS:
            own, base = ([v[0] for v in known[target, shots, w]] for w in (way, "ridge"))
            cells.append(percent(own) + ("" if way == "ridge" else f" ({difference(own, base)})"))
            means.append(float(np.mean(own)))
        seconds = np.mean([v[2] for t in TARGETS for v in known[t, shots, way]])
        lines.append(row(name, [*cells, percent(means), f"{seconds:.2f}"]))
    if validated := chosen_by_labels(shots):
        lines.append(validated)
    return lines


def from_nothing_table() -> list[str]:
    """Errors of the small network by number of labels, beside those of the ridge head on pretrained features."""
    known, lines = heads_found(), head("ridge head", (*TARGETS, "mean"))
    for shots in SHOTS:
        own = from_nothing.by_target(shots)
        pretrained = [np.mean([v[0] for v in known[target, shots, "ridge"]]) for target in TARGETS]
        for name, means in (("small network", [own[target] for target in TARGETS]), ("pretrained", pretrained)):
            lines.append(row(f"{name}, {shots} a class", [percent([x]) for x in [*means, np.mean(means)]]))
    return lines


@cache
def choices(shots: int) -> dict[tuple[str, int], dict[str, float]]:
    """(target, draw) -> way -> cross-validated error on the labels."""
    return {
        (a["target"], a["draw"]): one["errors"] for one in choice.FILE.all() if (a := one["asked"])["shots"] == shots
    }


def chosen_by_labels(shots: int) -> str:
    """The row of the way that cross-validation on the labels prefers, draw by draw."""
    known, cells, means = heads_found(), [], []
    found = choices(shots)
    if len(found) < len(TARGETS) * DRAWS:
        return ""
    ways = shown_ways()
    for target in TARGETS:
        taken = [choice.preferred(found[target, draw]) for draw in range(DRAWS)]
        own = [known[target, shots, ways[name]][draw][0] for draw, name in enumerate(taken)]
        cells.append(f"{percent(own)} ({difference(own, [v[0] for v in known[target, shots, 'ridge']])})")
        means.append(float(np.mean(own)))
    return row("chosen by cross-validation on the labels", [*cells, percent(means), "1"])


def settings() -> list[str]:
    """What was chosen, and how far it is from the best on the targets that it was checked on."""
    known, lines = heads_found(), []
    for family in without.TUNED:
        for even in (False, True):
            own = chosen(family, even)
            names = {w for _, _, w in known if w.startswith(family) and (EVEN in w) == even}
            others = [t for t in TARGETS if t not in CHOSEN_ON]
            mean = {w: np.mean([[v[0] for v in known[t, s, w]] for t in others for s in SHOTS]) for w in names}
            best = min(mean, key=mean.__getitem__)
            lines.append(
                f"- {own}: on the other three targets {100 * mean[own]:.1f}; the best of {len(names)} settings there, "
                f"{best.removeprefix(family).strip()}: {100 * mean[best]:.1f}"
            )
    return lines


# mixtures


@cache
def scores() -> dict[tuple[str, str, int, str, int], np.ndarray]:
    """(target, mixture, seed, steps, shots) -> (draws, 5)."""
    found = {}
    for line in mixtures.FILE.all():
        for target, marks in line["scores"].items():
            for mark, by_shots in marks.items():
                for shots, rows in by_shots.items():
                    key = target, line["asked"]["mixture"], line["asked"]["seed"], mark, int(shots)
                    found[key] = np.array(rows, dtype=float)
    return found


def trained(target: str, name: str, column: int, shots: int = 5, mark: str = LAST) -> np.ndarray | None:
    """(draws,) the mean over the seeds that there are."""
    known = [scores().get((target, name, seed, mark, shots)) for seed in (0, 1)]
    present = [one[:, column] for one in known if one is not None]
    return np.mean(present, 0) if present else None


@cache
def untouched() -> dict[tuple[str, int], np.ndarray]:
    lines = [line for line in merged.FILE.all() if line["asked"]["way"] == "none"]
    return {(line["asked"]["target"], int(s)): np.array(v, float) for line in lines for s, v in line["scores"].items()}


def random_of(target: str) -> list[str]:
    return [name for name in of_target(target) if name.startswith("random") and (target, name, 0, LAST, 5) in scores()]


def sources_table(shots: int, column: int) -> list[str]:
    """Errors after training on sources, with the differences from no source."""
    lines = head(f"{shots} a class", (*TARGETS, MEAN))
    none = {target: untouched()[target, shots][:, column] for target in TARGETS}
    lines.append(row("**none**", [*(percent(none[t]) for t in TARGETS), ""]))

    def add(name: str, of: Callable[[str], np.ndarray | None]) -> None:
        found = {t: of(t) for t in TARGETS}
        if any(one is not None for one in found.values()):
            lines.append(against(name, found, none))

    for source in (*TARGETS, "wbc"):
        add(source, lambda t, s=source: None if s == t else trained(t, s, column, shots))  # type: ignore[misc]
    for kind in ("pooled", "uniform", "mixup"):
        add(kind, lambda t, k=kind: trained(t, f"{k}: {t}", column, shots))  # type: ignore[misc]
    if shots == 5:
        add("random mixtures, mean", lambda t: _mean_random(t, column))
        add("chosen by leave-one-out", lambda t: picked(t, column))
        add("best of all (by test error)", lambda t: best_trained(t, column))
    return lines


def _mean_random(target: str, column: int) -> np.ndarray | None:
    found = [trained(target, name, column) for name in random_of(target)]
    return np.mean([one for one in found if one is not None], 0) if found else None


def candidates(target: str) -> list[str]:
    """Trained mixtures of a target but Mixup."""
    return [n for n in of_target(target) if (target, n, 0, LAST, 5) in scores() and not n.startswith("mixup")]


def picked(target: str, column: int) -> np.ndarray | None:
    """(draws,) of the trained mixture, or none, of least squared leave-one-out error on the labels of the draw."""
    names = candidates(target)
    if not names:
        return None
    tables = [untouched()[target, 5], *(scores()[target, name, 0, LAST, 5] for name in names)]
    chosen_rows = np.argmin([t[:, SQUARED] for t in tables], 0)
    return np.array([tables[i][draw, column] for draw, i in enumerate(chosen_rows)])


def best_trained(target: str, column: int) -> np.ndarray | None:
    """(draws,) of the mixture with the least mean test error of the first seed; scored on the second if it is there."""
    names = candidates(target)
    if not names:
        return None
    name = min(names, key=lambda n: scores()[target, n, 0, LAST, 5][:, column].mean())
    again = scores().get((target, name, 1, LAST, 5))
    return (scores()[target, name, 0, LAST, 5] if again is None else again)[:, column]


def spread_table(column: int = ERROR) -> list[str]:
    """Of the twenty random mixtures and of all: standard deviation over mixtures, beside that over training seeds."""
    columns = (
        "none",
        "mixtures",
        "lowest to highest",
        "standard deviation",
        "noise of a training",
        "seeds' correlation",
    )
    lines = head("target", columns)
    for target in TARGETS:
        names = candidates(target)
        first = np.array([scores()[target, n, 0, LAST, 5][:, column].mean() for n in names])
        both = [n for n in names if (target, n, 1, LAST, 5) in scores()]
        pairs = np.array([[scores()[target, n, s, LAST, 5][:, column].mean() for s in (0, 1)] for n in both])
        noise = correlation = "-"
        if len(both) > 2:
            noise = f"{100 * float(np.sqrt(((pairs[:, 0] - pairs[:, 1]) ** 2).mean() / 2)):.2f}"
            correlation = f"{float(np.corrcoef(pairs.T)[0, 1]):+.2f} ({len(both)} pairs)"
        lowest, highest = (100 * value for value in (first.min(), first.max()))
        cells = [percent(untouched()[target, 5][:, column]), str(len(first)), f"{lowest:.1f} to {highest:.1f}"]
        lines.append(row(target, [*cells, f"{100 * float(first.std(ddof=1)):.2f}", noise, correlation]))
    return lines


# merged networks as candidates


@cache
def merged_scores() -> dict[tuple[str, str, str, float], np.ndarray]:
    """(target, way, mixture, lambda) -> (draws, 5)."""
    return {
        (a["target"], a["way"], a["mixture"], a["lambda"]): np.array(line["scores"]["5"], dtype=float)
        for line in merged.FILE.all()
        for a in [line["asked"]]
    }


def family(target: str, way: str, mixture: str) -> list[tuple[float, np.ndarray]]:
    """(lambda, (draws, 5)) of what lies between no pretraining and a merged or a trained block."""
    found = [(0.0, untouched()[target, 5])]
    found += [(k[3], v) for k, v in merged_scores().items() if k[:3] == (target, way, mixture)]
    single = mixture in sources_of(target)
    if (way == merged.BETWEEN or single) and (target, mixture, 0, LAST, 5) in scores():
        found.append((1.0, scores()[target, mixture, 0, LAST, 5]))
    if way == merged.BETWEEN and single:
        found += [(k[3], v) for k, v in merged_scores().items() if k[:3] == (target, merged.MERGED, mixture)]
    return sorted(found, key=lambda one: one[0])


def least(tables: Sequence[np.ndarray], column: int = ERROR) -> np.ndarray:
    """(draws,) errors of what has the least squared leave-one-out error on each draw's labels."""
    rows = np.argmin([t[:, SQUARED] for t in tables], 0)
    return np.array([tables[i][draw, column] for draw, i in enumerate(rows)])


def candidates_table(again: bool = False) -> list[str]:
    """Merged and interpolated blocks beside trained ones, at five labels; differences from none.

    Under the ridge head; `again`: under the better of ridge and self-training. Random mixtures were merged without.
    """
    columns = {target: head_of(target) if again else ERROR for target in TARGETS}
    lines = head("5 a class", (*TARGETS, MEAN))
    none = {t: untouched()[t, 5][:, columns[t]] for t in TARGETS}

    def add(name: str, of: Callable[[str], np.ndarray | None]) -> None:
        found = {t: of(t) for t in TARGETS}
        if any(one is None or np.isnan(one).any() for one in found.values()):
            return
        lines.append(against(name, found, none))

    def at(way: str, kind: str, scale: float) -> Callable[[str], np.ndarray | None]:
        def of(target: str) -> np.ndarray | None:
            found = dict(family(target, way, f"{kind}: {target}"))
            return found[scale][:, columns[target]] if scale in found else None

        return of

    def free(way: str, kinds: Sequence[str] | None = None) -> Callable[[str], np.ndarray | None]:
        def of(target: str) -> np.ndarray | None:
            names = candidates(target) if kinds is None else [f"{k}: {target}" for k in kinds]
            tables = [t for n in names for _, t in family(target, way, n)]
            return least(tables, columns[target]) if len(tables) > len(names) else None

        return of

    lines.append(row("**none**", [*(percent(none[t]) for t in TARGETS), ""]))
    for scale in (0.25, 0.5, 0.75, 1.0):
        add(f"merged, uniform weights, lambda {scale:g}", at(merged.MERGED, "uniform", scale))
    add("merged, uniform weights, lambda by leave-one-out", free(merged.MERGED, ["uniform"]))
    add("merged, weights and lambda by leave-one-out", free(merged.MERGED))
    for scale in (0.25, 0.5, 0.75, 1.0):
        add(f"trained on the uniform union, lambda {scale:g}", at(merged.BETWEEN, "uniform", scale))
    add("trained on the uniform union, lambda by leave-one-out", free(merged.BETWEEN, ["uniform"]))
    add("trained, mixture by leave-one-out (lambda 1, or none)", lambda t: picked(t, columns[t]))
    add("trained, mixture and lambda by leave-one-out", free(merged.BETWEEN))
    add("trained, best by test error", lambda t: best_trained(t, columns[t]))
    return lines


# against the best way without a source


def head_of(target: str) -> int:
    """Ridge or self-trained, whichever is better on the pretrained features; both sides of a comparison have it."""
    return min((SELF_TRAINED, ERROR), key=lambda column: untouched()[target, 5][:, column].mean())


def chosen_by(values: Callable[[str, str], np.ndarray | None], with_none: bool) -> Callable[[str], np.ndarray | None]:
    """The trained mixture (seed 0) with the least value on each draw; `with_none`: or none."""

    def of(target: str) -> np.ndarray | None:
        names = [*([NONE] if with_none else []), *candidates(target)]
        found = [values(target, name) for name in names]
        if len(names) < 2 or any(one is None for one in found):
            return None
        rows = np.argmin(np.stack([np.broadcast_to(one, DRAWS) for one in found if one is not None]), 0)
        return np.array([_table(target, names[i])[draw, head_of(target)] for draw, i in enumerate(rows)])

    return of


def _table(target: str, name: str) -> np.ndarray:
    return untouched()[target, 5] if name == NONE else scores()[target, name, 0, LAST, 5]


def _squared(target: str, name: str) -> np.ndarray | None:
    return _table(target, name)[:, SQUARED]


def _left_out(target: str, name: str) -> np.ndarray | None:
    return _table(target, name)[:, LEFT_OUT] + 1e-3 * _table(target, name)[:, SQUARED]


def _episodes(target: str, name: str) -> np.ndarray | None:
    found = agreement.episode_errors().get((target, name), {}).get(NONE if name == NONE else f"{LAST} steps")
    return None if found is None else np.array(found)


def _merged(target: str, name: str) -> np.ndarray | None:
    if name == NONE or name in sources_of(target):
        return _squared(target, name)
    found = merged_scores().get((target, merged.MERGED, name, 1.0))
    return None if found is None else found[:, SQUARED]


def gain_table() -> list[str]:
    """What a study could take, against the better head on the pretrained features."""
    lines = head("5 a class", (*TARGETS, MEAN))
    own = {target: untouched()[target, 5][:, head_of(target)] for target in TARGETS}
    marks = {t: "" if head_of(t) == SELF_TRAINED else " (ridge)" for t in TARGETS}
    lines.append(row("**no source**", [*(percent(own[t]) + marks[t] for t in TARGETS), ""]))
    distance = agreement.SCORES["held-out OTDD of features"]
    ways: Mapping[str, Callable[[str], np.ndarray | None]] = {
        "pooled": lambda t: trained(t, f"pooled: {t}", head_of(t)),
        "uniform": lambda t: trained(t, f"uniform: {t}", head_of(t)),
        "Mixup": lambda t: trained(t, f"mixup: {t}", head_of(t)),
        "random mixtures, mean": lambda t: _mean_random(t, head_of(t)),
        "chosen by leave-one-out, squared": chosen_by(_squared, with_none=True),
        "chosen by leave-one-out, share wrong": chosen_by(_left_out, with_none=True),
        "chosen by episodes": chosen_by(_episodes, with_none=True),
        "chosen by the merged blocks' leave-one-out": chosen_by(_merged, with_none=True),
        "chosen by held-out OTDD (none not among them)": chosen_by(distance, with_none=False),
        "best single (by test error)": lambda t: _best(t, sources_of(t)),
        "best of all (by test error)": lambda t: _best(t, candidates(t)),
    }
    for name, of in ways.items():
        found = {t: of(t) for t in TARGETS}
        if all(one is None for one in found.values()):
            continue
        lines.append(against(name, found, own))
    return lines


def _best(target: str, names: Sequence[str]) -> np.ndarray | None:
    """Of the least mean test error under training seed 0, with that under seed 1 if it is there."""
    known = [n for n in names if (target, n, 0, LAST, 5) in scores()]
    if not known:
        return None
    name = min(known, key=lambda n: scores()[target, n, 0, LAST, 5][:, head_of(target)].mean())
    again = scores().get((target, name, 1, LAST, 5))
    return (scores()[target, name, 0, LAST, 5] if again is None else again)[:, head_of(target)]


# trained on the target itself, and for how long


def blocks_table() -> list[str]:
    """Errors of what was trained on the target itself; differences from the better head on the pretrained features."""
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
    for line in blocks.FILE.all():
        found[line["asked"]["way"], line["asked"]["target"]][line["asked"]["draw"]] = line
    lines = head("5 a class", (*TARGETS, MEAN))
    both = {t: untouched()[t, 5][:, [ERROR, SELF_TRAINED]] for t in TARGETS}
    lines.append(row("**ridge / self-trained**", [*(" / ".join(percent(c) for c in both[t].T) for t in TARGETS), ""]))
    for way, (name, kind) in product(blocks.WAYS, (("own head", "own"), ("ridge", "ridge"), ("self-trained", "again"))):
        cells, gaps = [], []
        for target in TARGETS:
            draws = {d: line for d, line in found.get((way, target), {}).items() if line[kind] is not None}
            if not draws:
                cells.append("-")
                continue
            own = np.array([draws[d][kind] for d in sorted(draws)])
            base = untouched()[target, 5][sorted(draws), head_of(target)]
            gaps.append(100 * float((own - base).mean()))
            shown = f"{gaps[-1]:+.1f}" if len(own) < 3 else difference(own, base)
            cells.append(f"{percent(own)} ({shown}; {len(own)})")
        if gaps:
            mean = f"{np.mean(gaps):+.1f} ± {t_half_width(gaps):.1f}" if len(gaps) == len(TARGETS) else ""
            lines.append(row(f"{way}: {name}", [*cells, mean]))
    return lines if len(lines) > 3 else []


def lengths_table() -> list[str]:
    """Mean errors of the trainings and draws, and differences from the usual length, paired over both."""
    errors = ("ridge", "self-trained")
    known: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for way, target in product(lengths.WAYS, TARGETS):
        asked = [{"target": target, "way": way, "seed": seed} for seed in lengths.SEEDS]
        found = [line for line in lengths.FILE.all() if line["asked"] in asked]
        if len(found) < len(asked):
            return []
        known[way, target] = {name: np.array([line[name] for line in found]) for name in errors}
    lines = head("5 a class: ridge / self-trained", (*TARGETS, "mean", "mean difference"))
    for way in lengths.WAYS:
        means = {t: [known[way, t][name].mean() for name in errors] for t in TARGETS}
        cells = [" / ".join(map(percent, means[t])) for t in TARGETS]
        cells.append(" / ".join(percent([means[t][i] for t in TARGETS]) for i in (0, 1)))
        gaps = [
            [100 * float((known[way, t][name] - known[lengths.USUAL, t][name]).mean()) for t in TARGETS]
            for name in errors
        ]
        shown = " / ".join(f"{np.mean(gap):+.1f} ± {t_half_width(gap):.1f}" for gap in gaps)
        lines.append(row(way, [*cells, "" if way == lengths.USUAL else shown]))
    return lines


def fine_tuning_table() -> list[str]:
    """Errors of the published network, fine-tuned; differences from the usual length, over draws and over targets."""
    known = {line["asked"]["target"]: line["errors"] for line in fine_tuning.FILE.all()}
    if set(known) != set(TARGETS):
        return []
    base = {target: np.array(known[target][str(fine_tuning.USUAL)]) for target in TARGETS}
    lines = head("fine-tuned on 5 a class", (*TARGETS, "mean difference"))
    for steps in fine_tuning.STEPS:
        found = {target: np.array(known[target][str(steps)]) for target in TARGETS}
        if steps == fine_tuning.USUAL:
            lines.append(row(f"**{steps} steps**", [*map(percent, found.values()), ""]))
        else:
            lines.append(against(f"{steps} steps", found, base))
    return lines


def layers_table() -> list[str]:
    """Errors of the ridge head / self-trained, of what was trained further back than the last block."""
    known = {(a["way"], a["source"]): line["errors"] for line in layers.FILE.all() for a in [line["asked"]]}
    lines = head("5 a class: ridge / self-trained")
    for way in layers.WAYS:
        for source in layers.TRAINED_ON:
            found = known.get((way, source))
            if found is None:
                continue
            errors = {target: np.array(rows) for target, rows in found.items()}
            cells = [" / ".join(percent(c) for c in errors[t].T) if t in errors else "-" for t in TARGETS]
            lines.append(row(f"{way}: {source.split(':')[0]}", cells))
    return lines if len(lines) > 2 else []


def maps_table() -> list[str]:
    """Ridge / self-trained after training on what the library's maps give; in parentheses the differences from none."""
    known = {(a["target"], a["draw"], a["way"]): line for line in maps.FILE.all() for a in [line["asked"]]}
    lines = head("5 a class: ridge / self-trained", (*TARGETS, MEAN))
    for way in maps.WAYS:
        cells, means = [], []
        for target in TARGETS:
            draws = [d for d in range(DRAWS) if all((target, d, w) in known for w in maps.WAYS)]
            if not draws:
                cells.append("-")
                continue
            own, base = (
                np.array([[known[target, d, w][kind] for d in draws] for kind in ("ridge", "again")])
                for w in (way, maps.NONE)
            )
            gaps = 100 * (own - base).mean(1)
            means.append(gaps)
            shown = "" if way == maps.NONE else f" ({gaps[0]:+.1f} / {gaps[1]:+.1f})"
            cells.append(f"{percent(own[0])} / {percent(own[1])}{shown}")
        if means:
            values = [" / ".join(f"{np.mean(g):+.1f} ± {t_half_width(list(g)):.1f}" for g in np.transpose(means))]
            lines.append(row(way, [*cells, "" if way == maps.NONE or len(means) < 2 else values[0]]))
    return lines if len(lines) > 2 else []


def uneven_table() -> list[str]:
    """Plain errors of heads on uneven labels, and their differences from ridge."""
    known = {(a["target"], a["draw"]): line["errors"] for line in uneven.FILE.all() for a in [line["asked"]]}
    lines = head("5 a class in the mean, uneven", (*TARGETS, MEAN))
    base = {t: np.array([known[t, d]["ridge"][0] for d in range(DRAWS)]) for t in TARGETS}
    lines.append(row("**ridge**", [*(percent(base[t]) for t in TARGETS), ""]))
    for name in uneven.HEADS:
        if name != "ridge":
            found = {t: np.array([known[t, d][name][0] for d in range(DRAWS)]) for t in TARGETS}
            lines.append(against(name, found, base))
    return lines


def head_error(target: str, shots: int | str, way: str, draw: int) -> float:
    """Test error of a way without a source, or of that which cross-validation on the labels prefers."""
    if isinstance(shots, str):
        lines = (line for line in uneven.FILE.all() if line["asked"] == {"target": target, "draw": draw})
        return next(lines)["errors"][way][0]  # type: ignore[no-any-return]
    if way == whole_studies.CHOSEN:
        way = choice.preferred(choices(shots)[target, draw])
    return heads_found()[target, shots, shown_ways()[way]][draw][0]


def all_blocks() -> Iterator[tuple[str, Callable[[], list[str]]]]:
    for shots in SHOTS:
        yield f"without {shots}", lambda s=shots: without_table(s)  # type: ignore[misc]
        yield f"sources {shots}", lambda s=shots: sources_table(s, ERROR)  # type: ignore[misc]
    yield "from nothing", from_nothing_table
    yield "settings", settings
    yield "sources self-trained", lambda: sources_table(5, SELF_TRAINED)
    yield "spread", spread_table
    yield "spread self-trained", lambda: spread_table(SELF_TRAINED)
    yield "gain", gain_table
    yield "candidates", candidates_table
    yield "candidates self-trained", lambda: candidates_table(again=True)
    yield "agreement", agreement.table
    yield "agreement all", lambda: agreement.table(singles=True)
    yield "blocks", blocks_table
    yield "lengths", lengths_table
    yield "fine-tuning", fine_tuning_table
    yield "depth", depth.table
    yield "soups", soups.table
    for shots in union_paths.SHOTS:
        yield f"union paths {shots}", lambda s=shots: union_paths.table(s)  # type: ignore[misc]
    yield "layers", layers_table
    yield "maps", maps_table
    yield "uneven", uneven_table
    yield "head choice", head_choice.table
    yield "union heads", union_heads.table
    yield "trained again", whole_studies.trained_again
    yield "from scratch", from_scratch.table
    for shots in SHOTS:
        yield f"side by side {shots}", lambda s=shots: side_by_side.table(s)  # type: ignore[misc]
    yield "side by side gain", side_by_side.gain_table
    yield "side by side self-trained", side_by_side.taught_table
    for shots in searches.LABELS:
        yield f"searches {shots}", lambda s=shots: whole_studies.table(s, head_error)  # type: ignore[misc]
        yield f"judged {shots}", lambda s=shots: whole_studies.judged(s, head_error)  # type: ignore[misc]


def made(block: Callable[[], list[str]]) -> list[str]:
    """Nothing where lines are missing that a table cannot do without."""
    try:
        return block()
    except KeyError:
        return []


def main() -> None:
    fill(PAGE, [(name, partial(made, block)) for name, block in all_blocks()])
    fill(DISTANCES, [("photographs", partial(made, agreement.distances_table))])


if __name__ == "__main__":
    main()
