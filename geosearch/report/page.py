"""The page of a study: the verdict, the confirmation, the figures, the sources and the settings."""

from __future__ import annotations

import math
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from geosearch.confirmation.comparison import compare, format_points
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.row import BEST
from geosearch.data.card import SourceFacts, license_warnings
from geosearch.data.own_target import describe_counts
from geosearch.errors import InvalidOptionError
from geosearch.mixture.baselines import SEARCHED
from geosearch.report.figures import style
from geosearch.report.figures.all import draw_figures
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.summary import StudyReport
from geosearch.runtime.atomic import atomic_write
from geosearch.runtime.duration import duration
from geosearch.search.trial_record import TrialRecord

_MARK = b"what to pretrain on for"  # in the title of every page, to recognize it


@dataclass(frozen=True)
class ConfirmationLine:
    """One line of a confirmation table, as text.

    Attributes:
        name: name of the row.
        error: mean error in %, with half its 95 % interval.
        difference: error of the best mixture minus this one, in percentage points, with its 95 % interval; "" in a
            table without the best mixture.
        outcome: of the best mixture compared with this row: "better", "tie" or "worse"; "the same" for the baseline
            that it equals, "" for the best mixture itself and in a table without it.
        resources: networks and unlabelled images of the row, compared with those of the best mixture if they differ.
        balanced: mean balanced error in %, with half its interval; empty where it is the plain one in all rows.

    Example:
        >>> ConfirmationLine("uniform", "8.1 ± 0.3", "−1.2 ± 0.4", "better").outcome
        'better'
    """

    name: str
    error: str
    difference: str
    outcome: str
    resources: str = ""
    balanced: str = ""


@dataclass(frozen=True)
class ConfirmationTable:
    """The confirmation under one adaptation.

    Attributes:
        adaptation: name of the adaptation.
        own: whether it is the adaptation that the study optimizes for.
        lines: the rows, smallest error first.
        compares: whether the best mixture is one of them, so that there are differences.

    Example:
        >>> ConfirmationTable("ridge", own=True, lines=()).adaptation
        'ridge'
    """

    adaptation: str
    own: bool
    lines: tuple[ConfirmationLine, ...]
    compares: bool = True


@dataclass(frozen=True)
class SourceLine:
    """One line of the table of sources, as text.

    Attributes:
        name: name of the source.
        share: its weight in the best mixture in %, "" if there is none yet.
        images: number of images, and of views of each.
        classes: number of classes.
        distance: OTDD to the target, squared feature units.
        license: license of the images.

    Example:
        >>> SourceLine("usps", "40.0 %", "7,291", "10", "12.3", "unknown").share
        '40.0 %'
    """

    name: str
    share: str
    images: str
    classes: str
    distance: str
    license: str


def write_page(facts: StudyReport, out: Path) -> Path:
    """Write index.html (self-contained) and figures/*.png into a folder.

    All files are written under temporary names and renamed together at the end, so that a full disk leaves an earlier
    report unchanged. Figures of an earlier report that no longer exist are removed.

    Args:
        facts: the study.
        out: the folder.

    Returns:
        The path of index.html.

    Raises:
        StorageError: the folder cannot be written.
        InvalidOptionError: the folder has an index.html that geosearch did not write.
    """
    out = Path(out)
    _check_own(out / "index.html")
    drawn = draw_figures(facts)
    page = render(facts, drawn).encode()
    images = {f"{figure.name}.png": style.png(figure.figure) for figure in drawn if figure.figure is not None}
    with ExitStack() as renames:
        for path, content in ((out / "index.html", page), *((out / "figures" / n, b) for n, b in images.items())):
            file = renames.enter_context(atomic_write(path))
            file.write(content)
            file.flush()
    for figure in drawn:
        if figure.figure is None:
            (out / "figures" / f"{figure.name}.png").unlink(missing_ok=True)
    return out / "index.html"


def _check_own(page: Path) -> None:
    """Refuse to overwrite a page that geosearch did not write."""
    if os.path.isdir(page) or (os.path.exists(page) and _MARK not in page.read_bytes()):
        raise InvalidOptionError(f"{page} is not a report of geosearch; name another folder with --out")


def render(facts: StudyReport, drawn: tuple[ReportFigure, ...] | None = None) -> str:
    """Render the page as one self-contained HTML document."""
    drawn = draw_figures(facts) if drawn is None else drawn
    kept = facts.confirmation
    return _template().render(
        facts=facts,
        verdict=verdict(facts),
        remarks=remarks(facts),
        summary=summary(facts),
        tables=confirmation_tables(kept) if kept else (),
        tuning=general_tuning(kept) if kept else (),
        confirmation=kept,
        figures=[(figure, Markup(style.svg(figure.figure))) for figure in drawn if figure.figure is not None],
        missing=[figure for figure in drawn if figure.figure is None],
        sources=source_table(facts),
        failed=facts.failed,
        warned="" if shown_mixture(facts) is None else "Best mixture: ",
        warnings=license_warnings((source.name, source.license) for source in used_sources(facts)),
    )


def verdict(facts: StudyReport) -> str:
    """The result of the study in a few sentences; before the confirmation, the best mixture so far."""
    if (known := facts.confirmation) is not None:  # of another answer the best mixture is a remark
        return " ".join(known.conclusion() if known.answer else [*known.conclusion(), known.summary()])
    best = facts.best
    if best is None:
        return "No trial has finished yet."
    if facts.no_gain:
        return f"Not confirmed yet. {facts.no_gain.sentence}"
    if best is facts.free_best:
        return "Not confirmed yet. Without a search, the answer is the projection's cloud."
    made = f"trial {best.number}" if best.role == SEARCHED else f"a baseline, {best.role}"
    error = "" if best.top1_error is None else f" (validation error {100 * best.top1_error:.1f} %)"
    return f"Not confirmed yet. The best mixture so far is {made}{error}; no test error has been measured."


def remarks(facts: StudyReport) -> tuple[str, ...]:
    """What is said below the verdict, a sentence each: what searching added, and what was known before it."""
    known = facts.confirmation
    found = [*known.circumstances(), *([known.summary()] if known.answer else []), *known.remarks()] if known else []
    found += [f"{note[0].upper()}{note[1:]}." for note in facts.target_notes]
    if facts.free_answer:
        found.append(f"Free answer, before any training: {facts.free_answer.sentence(facts.source_names)}.")
    if facts.best and (place := facts.best.path_place):
        found.append(f"The network of the best mixture: {place}.")
    if facts.best and facts.best.augmentation:
        found.append(f"The augmentation of the best mixture, as the search found it: {facts.best.augmentation.ranges}.")
    if facts.untrained:
        found.append(f"Not trained alone: {', '.join(facts.untrained)}.")
    return tuple(found)


def summary(facts: StudyReport) -> str:
    """Target, sources and number of trials in one line."""
    parts = [
        f"Target {facts.target}: {describe_counts(np.array(facts.label_counts))}",
        f"{len(facts.sources)} sources",
        f"{facts.count('complete')} mixtures trained",
    ]
    parts += [f"{len(facts.failed)} failed"] if facts.failed else []
    return " · ".join(parts)


def confirmation_tables(confirmation: Confirmation) -> tuple[ConfirmationTable, ...]:
    """One table per adaptation, the study's own first; rows by increasing error."""
    order = sorted(confirmation.adaptations, key=lambda name: name != confirmation.adaptation)
    return tuple(_table(confirmation, adaptation) for adaptation in order)


def general_tuning(confirmation: Confirmation) -> tuple[str, ...]:
    """What is said of how adaptations were tuned or chosen, but for what stands below the table of one."""
    beginnings = tuple(f"{name}," for name in confirmation.adaptations)
    return tuple(line for line in confirmation.tuning if not line.startswith(beginnings))


def shown_mixture(facts: StudyReport) -> TrialRecord | None:
    """The best mixture; None if there is none yet, or all sources made the answer."""
    return None if facts.confirmation and facts.confirmation.answer else facts.best


def used_sources(facts: StudyReport) -> list[SourceFacts]:
    """The sources with positive weight in the best mixture; all if there is none yet or all made the answer."""
    best = shown_mixture(facts)
    return [source for i, source in enumerate(facts.sources) if best is None or best.weights[i] > 0]


def source_table(facts: StudyReport) -> tuple[SourceLine, ...]:
    """The table of sources, by decreasing weight in the best mixture."""
    best = facts.best
    weights = best.weights if best else (0.0,) * len(facts.sources)
    order = sorted(range(len(facts.sources)), key=lambda i: -weights[i])
    return tuple(
        SourceLine(
            source.name,
            f"{100 * weights[i]:.1f} %" if best else "",
            source.count,
            f"{source.classes}",
            f"{source.otdd_to_target:.4g}",
            source.license,
        )
        for i, source in ((i, facts.sources[i]) for i in order)
    )


def _table(confirmation: Confirmation, adaptation: str) -> ConfirmationTable:
    best = confirmation.row(BEST)
    lines, compares = [], adaptation in best.top1_errors
    for row in confirmation.ranked(adaptation):
        counts = row.unequal(best, adaptation) or row.resources(adaptation)
        resources = ", ".join(text for text in (counts, row.path_place) if text)
        error = _with_half(row.mean(adaptation), row.half_width(adaptation))
        balanced = _with_half(row.balanced_mean(adaptation), row.balanced_half_width(adaptation))
        balanced = balanced if confirmation.is_uneven else ""
        if row.name == BEST or not compares:
            lines.append(ConfirmationLine(row.name, error, "", "", resources, balanced))
            continue
        if row.name == confirmation.equal:
            lines.append(ConfirmationLine(row.name, error, "", "the same", resources, balanced))
            continue
        against = compare(best, row, adaptation)
        interval = "" if math.isnan(against.half_width) else f" ± {against.half_width:.1f}"
        difference = format_points(against.points) + interval
        lines.append(ConfirmationLine(row.name, error, difference, against.outcome, resources, balanced))
    return ConfirmationTable(adaptation, adaptation == confirmation.adaptation, tuple(lines), compares)


def _with_half(error: float, half_width: float) -> str:
    """An error in [0, 1] in %, with half its interval if that is known."""
    return f"{100 * error:.1f}" + ("" if math.isnan(half_width) else f" ± {100 * half_width:.1f}")


@cache
def _template() -> Template:
    source = files("geosearch.report").joinpath("page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["allow_breaks"] = allow_breaks
    environment.filters["duration"] = duration
    return environment.from_string(source)


def allow_breaks(name: str) -> Markup:
    """Escape a name and allow line breaks after slashes and underscores."""
    return Markup(re.sub("([/_])", r"\1<wbr>", str(escape(name))))
