"""One page per study: the verdict, the confirmation, the figures, and where everything came from."""

from __future__ import annotations

import math
import re
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from geosearch.confirmation.statistics import BEST, Confirmation, compare
from geosearch.data.card import SourceFacts, license_warnings
from geosearch.errors import InvalidOptionError
from geosearch.mixture.baselines import SEARCHED
from geosearch.report.figures import style
from geosearch.report.figures.all import pictures
from geosearch.report.figures.figure import Picture
from geosearch.report.summary import StudyReport
from geosearch.runtime.atomic import atomic_write
from geosearch.runtime.duration import duration

_OWN = b"what to pretrain on for"  # every page of ours has it in its title


@dataclass(frozen=True)
class Line:
    """One row of a confirmation table, in words.

    Attributes:
        outcome: of the best mixture against this row: "better", "tie" or "worse"; "the same" for the baseline that it
            is, "" for the best mixture itself.
    """

    name: str
    error: str
    difference: str
    outcome: str


@dataclass(frozen=True)
class Table:
    """The confirmation under one adaptation; `own` if the study is about it."""

    adaptation: str
    own: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Share:
    """One source in the sources table; `share` is its weight in the best mixture, "" before there is one."""

    name: str
    share: str
    images: str
    classes: str
    distance: str
    license: str


def write_page(facts: StudyReport, out: Path) -> Path:
    """Write index.html (self-contained) and figures/*.png into folder `out`; returns the path of index.html.

    All files are written beside their places first and renamed together at the end, so a full disk leaves an
    earlier report as it was. Figures that this state of the study does not have are removed.

    Raises:
        StorageError: the folder cannot be written.
        InvalidOptionError: a page lies there that geosearch did not write.
    """
    out = Path(out)
    _require_own(out / "index.html")
    drawn = pictures(facts)
    page = render(facts, drawn).encode()
    images = {f"{picture.name}.png": style.png(picture.figure) for picture in drawn if picture.figure is not None}
    with ExitStack() as renames:
        for path, content in ((out / "index.html", page), *((out / "figures" / n, b) for n, b in images.items())):
            file = renames.enter_context(atomic_write(path))
            file.write(content)
            file.flush()
    for picture in drawn:
        if picture.figure is None:
            (out / "figures" / f"{picture.name}.png").unlink(missing_ok=True)
    return out / "index.html"


def _require_own(page: Path) -> None:
    """Refuse to write over somebody else's page."""
    if page.exists() and _OWN not in page.read_bytes():
        raise InvalidOptionError(f"{page} is not a report of geosearch; name another folder with --out")


def render(facts: StudyReport, drawn: tuple[Picture, ...] | None = None) -> str:
    """The page as one HTML document that refers to nothing outside itself."""
    drawn = pictures(facts) if drawn is None else drawn
    kept = facts.confirmation
    return _template().render(
        facts=facts,
        verdict=verdict(facts),
        summary=summary(facts),
        tables=tables(kept) if kept else (),
        confirmation=kept,
        figures=[(picture, Markup(style.svg(picture.figure))) for picture in drawn if picture.figure is not None],
        missing=[picture for picture in drawn if picture.figure is None],
        sources=shares(facts),
        failed=facts.failed,
        warnings=license_warnings((source.name, source.license) for source in used(facts)),
    )


def verdict(facts: StudyReport) -> str:
    """The study's answer in one sentence, or what can be said before there is one."""
    if facts.confirmation is not None:
        return facts.confirmation.verdict()
    best = facts.best
    if best is None:
        return "No trial has finished yet."
    made = f"trial {best.number}" if best.role == SEARCHED else f"a baseline, {best.role}"
    error = "" if best.top1_error is None else f" (validation error {100 * best.top1_error:.1f} %)"
    return f"Not confirmed yet: so far the best mixture is {made}{error}; nothing was measured on the test part."


def summary(facts: StudyReport) -> str:
    """What was searched, in one line."""
    parts = [
        f"Target {facts.target}: {facts.shots} labelled image{'s' * (facts.shots != 1)} for each of "
        f"{facts.target_classes} classes",
        f"{len(facts.sources)} sources",
        f"{facts.count('complete')} mixtures trained",
    ]
    parts += [f"{facts.count('pruned')} stopped early"] if facts.count("pruned") else []
    parts += [f"{len(facts.failed)} failed"] if facts.failed else []
    return " · ".join(parts)


def tables(confirmation: Confirmation) -> tuple[Table, ...]:
    """One table per adaptation, the study's own first, the least error at the top."""
    order = sorted(confirmation.adaptations, key=lambda name: name != confirmation.adaptation)
    return tuple(_table(confirmation, adaptation) for adaptation in order)


def used(facts: StudyReport) -> list[SourceFacts]:
    """The sources with weight in the best mixture; all of them before there is one."""
    best = facts.best
    return [source for i, source in enumerate(facts.sources) if best is None or best.weights[i] > 0]


def shares(facts: StudyReport) -> tuple[Share, ...]:
    """The sources table, the greatest share of the best mixture at the top."""
    best = facts.best
    weights = best.weights if best else (0.0,) * len(facts.sources)
    order = sorted(range(len(facts.sources)), key=lambda i: -weights[i])
    return tuple(
        Share(
            source.name,
            f"{100 * weights[i]:.1f} %" if best else "",
            f"{source.images:,}",
            f"{source.classes}",
            f"{source.otdd_to_target:.4g}",
            source.license,
        )
        for i, source in ((i, facts.sources[i]) for i in order)
    )


def _table(confirmation: Confirmation, adaptation: str) -> Table:
    best = confirmation.row(BEST)
    lines = []
    for row in confirmation.ranked(adaptation):
        spread = row.spread(adaptation)
        error = f"{100 * row.mean(adaptation):.1f}" + ("" if math.isnan(spread) else f" ± {100 * spread:.1f}")
        if row.name == BEST:
            lines.append(Line(row.name, error, "", ""))
            continue
        if row.name == confirmation.equal:
            lines.append(Line(row.name, error, "", "the same"))
            continue
        against = compare(best, row, adaptation)
        interval = "" if math.isnan(against.half_width) else f" ± {against.half_width:.1f}"
        lines.append(Line(row.name, error, signed(against.points) + interval, against.outcome))
    return Table(adaptation, adaptation == confirmation.adaptation, tuple(lines))


def signed(points: float) -> str:
    """One decimal with a true minus sign, and none on a zero."""
    return f"{round(points, 1) + 0.0:+.1f}".replace("-", "−").replace("+0.0", "0.0")


@cache
def _template() -> Template:
    source = files("geosearch.report").joinpath("page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["breakable"] = breakable
    environment.filters["duration"] = duration
    return environment.from_string(source)


def breakable(name: str) -> Markup:
    """The escaped name, with leave to break the line after a slash or an underscore."""
    return Markup(re.sub("([/_])", r"\1<wbr>", str(escape(name))))
