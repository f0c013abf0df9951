"""The tables of contest.py: every row against the search, target by target, with paired 95 % intervals.

python -m research.transfer.standings
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ttest_1samp

from geosearch.confirmation.intervals import t_half_width
from geosearch.confirmation.row import BEST, NO_PRETRAINING
from geosearch.confirmation.variants import EnsembleTeacherVariant, row_name
from geosearch.mixture.baselines import POOLED, SINGLE
from research.common.lines import Lines
from research.transfer.contest import FOLDER, NO_PROXY, ORACLE, POOLED_TAUGHT, PROJECTION_TAUGHT, SHOTS, TARGETS

TUNED = "few shots, tuned"
STRONGEST_PLAIN = "the better of tuned few shots and pooled union"
WITHOUT = "the better of the two, without unlabelled images"
TAUGHT = row_name(EnsembleTeacherVariant)
SELF_TRAINED = "self-train"  # the adaptation under which there are rows with several teachers
BEST_SINGLE = "best single source (by test error)"
MEAN_SINGLE = "single sources, mean"
OWN_TEACHERS = (POOLED_TAUGHT, PROJECTION_TAUGHT)
NOT_RIVALS = (BEST, ORACLE, NO_PROXY)  # rows that a search need not beat: itself, and what no search could know
NETWORKS = {  # of the rows that have more than one
    TAUGHT: 4,
    **dict.fromkeys(OWN_TEACHERS, 4),
    "single source by the objective, equal teachers": 4,
    "committee-taught pooled union": 5,
}
UNLABELLED = ("committee-taught pooled union", "pooled union, FixMatch", "SimCLR")  # have seen unlabelled images anyway


@dataclass(frozen=True)
class Standing:
    """A row beside the search on one target under one adaptation; points of test error, smaller is better.

    Attributes:
        row: its name.
        errors: one for each seed that has the row.
        gaps: search minus row, paired by seed.
        seconds: median, since other programs run beside long measurements.
    """

    row: str
    errors: tuple[float, ...]
    gaps: tuple[float, ...]
    seconds: float

    @property
    def gap(self) -> float:
        return float(np.mean(self.gaps))

    @property
    def half_width(self) -> float:
        return t_half_width(self.gaps)

    @property
    def chance(self) -> float:
        """p of the paired t test."""
        return 1.0 if not any(self.gaps) else float(ttest_1samp(self.gaps, 0.0).pvalue)

    @property
    def outcome(self) -> str:
        """Of the search: "better", "worse", "tie", or "one seed"."""
        if len(self.gaps) < 2:
            return "one seed"
        return "tie" if abs(self.gap) <= self.half_width else "better" if self.gap < 0 else "worse"


def searched(adaptation: str) -> str:
    """The search's own row: where networks learn from unlabelled images, its finalists are the teachers."""
    return TAUGHT if adaptation == SELF_TRAINED else BEST


def adaptations(lines: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """What every line was scored under, the most telling first."""
    found = set.intersection(*(set(line["errors"][BEST]) for line in lines))
    return tuple(name for name in (SELF_TRAINED, "linear-probe", "ridge", "fine-tune") if name in found)


def standings(lines: Sequence[dict[str, Any]], target: str, adaptation: str, own: str | None = None) -> list[Standing]:
    """All rows of one target beside the search's `own`, the least mean error first.

    The better of tuned few shots and pooled union: few shots fine-tuned, or adapted as all rows are; by test error,
    seed by seed, which favours it over any choice that could be made.
    """
    rows: dict[str, dict[int, tuple[float, float]]] = {}
    for line in lines:
        if line["asked"]["target"] != target:
            continue
        left_out = () if adaptation == SELF_TRAINED else (TAUGHT, *OWN_TEACHERS)  # there as without these teachers
        errors = {row: 100 * found[adaptation] for row, found in line["errors"].items() if row not in left_out}
        errors[TUNED] = 100 * line["errors"][NO_PRETRAINING]["fine-tune"]
        errors[STRONGEST_PLAIN] = min(errors[TUNED], errors[NO_PRETRAINING], errors[POOLED])
        if adaptation == SELF_TRAINED:
            errors[WITHOUT] = min(
                errors[TUNED], *(100 * line["errors"][POOLED][name] for name in ("ridge", "fine-tune"))
            )
        singles = [error for row, error in errors.items() if row.startswith(SINGLE)]
        errors[BEST_SINGLE], errors[MEAN_SINGLE] = min(singles), float(np.mean(singles))
        for row, error in errors.items():
            seconds = line["seconds"].get(row, line["seconds"].get(NO_PRETRAINING, 0.0) if row == TUNED else np.nan)
            rows.setdefault(row, {})[line["asked"]["seed"]] = error, seconds
    best = {seed: error for seed, (error, _) in rows.get(own or searched(adaptation), {}).items()}
    found = [
        Standing(
            row,
            tuple(error for error, _ in by_seed.values()),
            tuple(best[seed] - error for seed, (error, _) in by_seed.items()),
            float(np.median([seconds for _, seconds in by_seed.values()])),
        )
        for row, by_seed in rows.items()
    ]
    return sorted(found, key=lambda one: float(np.mean(one.errors)))


def table(found: Sequence[Standing], adaptation: str) -> list[str]:
    """Markdown of one target and adaptation."""
    rows = ["| row | error, % | search minus row | the search is | seconds |", "| --- | --- | --- | --- | --- |"]
    for one in found:
        error = f"{np.mean(one.errors):.1f}" + (f" ± {np.std(one.errors, ddof=1):.1f}" if len(one.errors) > 1 else "")
        seconds = "" if np.isnan(one.seconds) else f"{one.seconds:.0f}"
        if one.row == searched(adaptation):
            rows.append(f"| **{named(one.row)}** | {error} | | | {seconds} |")
        else:
            gap = f"{one.gap:+.1f}" + (f" ± {one.half_width:.1f}" if len(one.gaps) > 1 else "")
            outcome = one.outcome if is_equal(one.row, adaptation) else "unequal"
            rows.append(f"| {named(one.row)} | {error} | {gap} | {outcome} | {seconds} |")
    return rows


def named(row: str) -> str:
    """As tables have it: with its number of networks if it has several."""
    networks = f" ({NETWORKS[row]} networks)" if row in NETWORKS else ""
    return row.replace(BEST, "search") + networks


def is_equal(row: str, adaptation: str) -> bool:
    """Whether it has as many networks as the search's row, and no unlabelled images that the search has not seen."""
    if adaptation != SELF_TRAINED and row in UNLABELLED:
        return False
    return NETWORKS.get(row, 1) == NETWORKS.get(searched(adaptation), 1)


def summary(lines: Sequence[dict[str, Any]], adaptation: str) -> list[str]:
    """Markdown: rows by targets, mean error, and whether the search is better (+), worse (−) or ties (=).

    In the order of their mean difference to the search; a row that has fewer seeds says how many. Rows with another
    number of networks, or that have seen unlabelled images where the search has not, are not judged.
    """
    targets = [target for target in TARGETS if any(line["asked"]["target"] == target for line in lines)]
    by_target = {target: {one.row: one for one in standings(lines, target, adaptation)} for target in targets}
    own = searched(adaptation)
    names = list(dict.fromkeys(row for found in by_target.values() for row in found if not row.startswith(SINGLE)))
    beside = {  # paired by seed, since not all rows have all seeds
        name: np.mean([found[name].gap for found in by_target.values() if name in found]) for name in names
    }
    most = max(len(one.errors) for found in by_target.values() for one in found.values())
    seeds = {name: max(len(found[name].errors) for found in by_target.values() if name in found) for name in names}
    sign = {"better": "+", "worse": "−", "tie": "=", "one seed": ""}
    rows = ["| row | " + " | ".join(targets) + " |", "| --- " * (1 + len(targets)) + "|"]
    for name in sorted(names, key=lambda row: -float(beside[row])):
        cells = []
        for target in targets:
            one = by_target[target].get(name)
            is_judged = name != own and is_equal(name, adaptation)
            cells.append("" if one is None else f"{np.mean(one.errors):.1f} {sign[one.outcome] if is_judged else ''}")
        fewer = f" ({seeds[name]} seed{'s' * (seeds[name] > 1)})" if seeds[name] < most else ""
        rows.append(f"| {f'**{named(name)}**' if name == own else named(name) + fewer} | " + " | ".join(cells) + " |")
    return rows


def overall(lines: Sequence[dict[str, Any]]) -> str:
    """How many comparisons at equal numbers are won, lost, and stay so with Holm's correction for their number.

    Rows that a search need not beat are left out, and rows that are made of others.
    """
    left_out = (*NOT_RIVALS, STRONGEST_PLAIN, WITHOUT, BEST_SINGLE, MEAN_SINGLE)
    found = [
        one
        for adaptation in adaptations(lines)
        for target in TARGETS
        for one in standings(lines, target, adaptation)
        if one.row not in (*left_out, searched(adaptation)) and len(one.gaps) > 1 and is_equal(one.row, adaptation)
    ]
    if not found:
        return "one seed tells nothing apart: no comparison has an interval"
    found.sort(key=lambda one: one.chance)
    kept = takewhile(lambda ranked: ranked[1].chance <= 0.05 / (len(found) - ranked[0]), enumerate(found))
    counted, sure = Counter(one.outcome for one in found), Counter(one.outcome for _, one in kept)
    return (
        f"of {len(found)} comparisons at equal numbers of networks {counted['better']} better, {counted['tie']} tie, "
        f"{counted['worse']} worse; with Holm's correction for so many {sure['better']} better, {sure['worse']} worse"
    )


def read(folder: Path, shots: int, **aside: float) -> list[dict[str, Any]]:
    """The lines of contest.jsonl with so many shots a class, the rows of contest_rows.jsonl among theirs.

    If there are studies of several editions, those of the edition that most of them have, the last such edition.
    `aside`: size or balance, of studies that have another than the contest's.
    """
    lines = [
        line
        for line in Lines(folder / "contest.jsonl").all()
        if line["asked"]["shots"] == shots
        and {key: line["asked"][key] for key in ("size", "balance") if key in line["asked"]} == aside
    ]
    if not lines:
        return []
    editions = Counter(line["asked"]["edition"] for line in reversed(lines))
    lines = [line for line in lines if line["asked"]["edition"] == editions.most_common(1)[0][0]]
    for extra in Lines(folder / "contest_rows.jsonl").all():
        for line in lines:
            if extra["asked"] == {**line["asked"], "row": extra["asked"]["row"]}:
                line["errors"][extra["asked"]["row"]] = extra["errors"]
                line["seconds"][extra["asked"]["row"]] = extra["seconds"]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where contest.jsonl lies")
    options = parser.parse_args()
    for shots in options.shots:
        lines = read(options.folder, shots)
        for adaptation in adaptations(lines) if lines else ():
            print(f"\n### {shots} shots, {adaptation}\n")
            print("\n".join(summary(lines, adaptation)))
        if lines:
            print("\n" + overall(lines))
        for target in TARGETS if lines else ():
            first = adaptations(lines)[0]
            if found := standings(lines, target, first):
                print(f"\n#### {target}, {shots} shots, {first}\n\n" + "\n".join(table(found, first)))


if __name__ == "__main__":
    main()
