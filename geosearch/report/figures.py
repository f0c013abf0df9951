"""The figures of a report, each with one line on how to read it. They draw facts and compute nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from geosearch.report import style
from geosearch.report.facts import StudyFacts
from geosearch.report.hull_map import hull_map
from geosearch.search.baselines import SEARCHED
from geosearch.search.store import TrialFacts
from geosearch.search.verdict import BEST, Confirmation, t_half_width

SHOWN = 10  # trials in the figure of weights
_COLUMNS = (24, 64)  # points to the right of its bars


@dataclass(frozen=True)
class Picture:
    """A figure for the page, or why there is none yet.

    Attributes:
        name: of the file, without ending.
        title: what it shows.
        how_to_read: one line.
        figure: None when there is nothing to draw yet.
        missing: what it waits for, if it is None.
    """

    name: str
    title: str
    how_to_read: str
    figure: Figure | None
    missing: str = ""


def pictures(facts: StudyFacts) -> tuple[Picture, ...]:
    """All figures in the order of the page."""
    return tuple(draw(facts) for draw in (confirmation, history, simplex, weights, proxy, walk, time_spent))


@style.styled()
def history(facts: StudyFacts) -> Picture:
    """Errors in the order of the proposals, the best so far as a line, baselines named at the margin."""
    title = "How the search went"
    read = (
        "Each point is one mixture; the line follows the least error so far. Baselines are named at the right: the "
        "search has paid on the shots where the line runs below them."
    )
    ended = _ended(facts)
    if not ended:
        return Picture("history", title, read, None, "the first finished trial")
    place = {trial.number: i for i, trial in enumerate(facts.trials, 1)}
    named = [trial for trial in ended if trial.role != SEARCHED and trial.number != facts.best]
    figure = style.canvas(max(3.4, 1.2 + 0.16 * len(named)))
    axes = figure.add_subplot()
    groups: list[tuple[str, list[TrialFacts], dict]] = [
        (
            "searched",
            [t for t in ended if t.role == SEARCHED and t.number != facts.best],
            _mark("o", style.SEARCHED, 26),
        ),
        ("baseline", named, _mark("D", style.BASELINE, 26)),
        ("best", [t for t in ended if t.number == facts.best], _mark("*", style.BEST, 190)),
    ]
    for label, group, look in groups:
        if group:
            axes.scatter([place[t.number] for t in group], _errors(group), label=label, zorder=3, **look)
    best_so_far = np.minimum.accumulate(_errors(ended))
    end = len(facts.trials) + 0.5
    axes.step(
        [*(place[trial.number] for trial in ended), end], [*best_so_far, best_so_far[-1]],
        where="post", color=style.INK, linewidth=1.4, zorder=2, label="best so far",
    )  # fmt: skip
    long = [trial for trial in ended if trial.long_error is not None]
    if long:
        at = [place[trial.number] for trial in long]
        after = np.array([trial.long_error for trial in long], dtype=float)
        axes.vlines(at, after, _errors(long), color=style.MUTED, linewidth=0.7, zorder=1)
        axes.scatter(
            at, after, marker="s", s=22, facecolors="none", edgecolors=style.INK,
            linewidths=0.9, zorder=3, label="after the long recipe",
        )  # fmt: skip
    for state, label, marker in (("pruned", "stopped early", "|"), ("failed", "failed", "x")):
        at = [place[trial.number] for trial in facts.trials if trial.state == state]
        if at:
            axes.plot(
                at, [0.02] * len(at), marker, color=style.MUTED, ms=5, transform=axes.get_xaxis_transform(), label=label
            )
    axes.set_xlim(0.5 - 0.02 * end, end)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.margins(y=0.1)
    axes.set_xlabel("trials, in the order of their proposals")
    axes.set_ylabel("squared error on the shots")
    _margin_names(axes, facts, named, [trial for trial in ended if trial.number == facts.best])
    figure.legend(loc="outside upper left", ncols=3, handletextpad=0.4, columnspacing=1.1, borderpad=0)
    return Picture("history", title, read, figure)


@style.styled()
def simplex(facts: StudyFacts) -> Picture:
    """The map of the weights."""
    if len(facts.sources) == 2:
        read = (
            "From left to right the second source takes over. Above, what training said; below, the closed-form "
            "distance to the target, which costs nothing: smaller is better in both."
        )
    else:
        read = (
            "A corner is one source alone; the nearer a point lies to it, the more of that source is in the mixture. "
            "Lines join places of equal closed-form distance to the target"
        )
        read += "." if len(facts.sources) == 3 else " (the least of all mixtures that share a place)."
    return Picture("simplex", "Where the mixtures lie between the sources", read, hull_map(facts))


@style.styled()
def weights(facts: StudyFacts) -> Picture:
    """What the best trials are made of."""
    title = "What the best mixtures are made of"
    read = (
        "One bar per trial, the best at the top. Concentration says how much the shares vary from image to image: ∞ "
        "mixes every image alike, 0 takes every image from one source."
    )
    shown = sorted(_ended(facts), key=lambda t: (t.number != facts.best, t.error, t.number))[:SHOWN]
    if not shown:
        return Picture("weights", title, read, None, "the first finished trial")
    columns = 2 if max(len(source.name) for source in facts.sources) > 12 else 3
    figure = style.canvas(0.75 + 0.33 * len(shown) + 0.18 * math.ceil(len(facts.sources) / columns))
    axes = figure.add_subplot()
    rows = np.arange(len(shown))
    shares = np.array([trial.weights for trial in shown])  # (k, m)
    starts = np.cumsum(shares, axis=1) - shares
    for i, source in enumerate(facts.sources):
        colour, hatch = style.shade(i)
        axes.barh(
            rows, shares[:, i], left=starts[:, i], height=0.72, color=colour, hatch=hatch,
            edgecolor=style.PAPER, linewidth=0.6, label=style.shorten(source.name, 24 if columns == 2 else 14),
        )  # fmt: skip
        for row in rows[shares[:, i] >= 0.13]:
            axes.text(
                starts[row, i] + shares[row, i] / 2, row, f"{100 * shares[row, i]:.0f}", ha="center", va="center",
                color=style.ink_on(colour), fontsize=8,
                bbox={"facecolor": colour, "edgecolor": "none", "pad": 1} if hatch else None,
            )  # fmt: skip
    for row, trial in enumerate(shown):
        own = {"color": style.BEST, "fontweight": "bold"} if trial.number == facts.best else {}
        for x, text in ((_COLUMNS[0], _concentration(trial)), (_COLUMNS[1], f"{trial.error:.3f}")):
            _beside(axes, x, row, text, va="center", linespacing=1, **own)
    for x, text in zip(_COLUMNS, ("concen-\ntration", "squared\nerror"), strict=True):
        _beside(axes, x, -0.6, text, va="bottom", fontsize=8, color=style.MUTED, linespacing=1)
    axes.set_yticks(rows, [style.wrap(_title(trial, facts), 17) for trial in shown], linespacing=1)
    axes.set_ylim(len(shown) - 0.5, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    figure.legend(
        loc="outside upper left", ncols=columns, handlelength=1.1, handleheight=0.9, handletextpad=0.5,
        columnspacing=1.2, borderpad=0,
    )  # fmt: skip
    return Picture("weights", title, read, figure)


@style.styled()
def proxy(facts: StudyFacts) -> Picture:
    """Held-out OTDD against the error, with their rank agreement."""
    title = "Can the distance be trusted?"
    agreement = f"{facts.trust.sentence()}." if facts.trust else ""
    read = (
        "The further the points run from lower left to upper right, the better the cheap distance foretells what "
        f"training says. {agreement[:1].upper()}{agreement[1:]}"
    ).strip()
    both = [trial for trial in _ended(facts) if trial.held_out_otdd is not None]
    if not both:
        return Picture("proxy", title, read, None, "a trial with both a held-out distance and an error")
    figure = style.canvas(3.3)
    axes = figure.add_subplot()
    for label, own, look in (
        ("searched", lambda t: t.role == SEARCHED and t.number != facts.best, _mark("o", style.SEARCHED, 30)),
        ("baseline", lambda t: t.role != SEARCHED and t.number != facts.best, _mark("D", style.BASELINE, 28)),
        ("best", lambda t: t.number == facts.best, _mark("*", style.BEST, 190)),
    ):
        group = [trial for trial in both if own(trial)]
        if group:
            axes.scatter(
                np.array([t.held_out_otdd for t in group], dtype=float), _errors(group), label=label, zorder=3, **look
            )
    if facts.trust and math.isfinite(facts.trust.tau):
        tau = f"τ = {facts.trust.tau:+.2f}  [{facts.trust.low:+.2f}, {facts.trust.high:+.2f}]"
        axes.set_title(tau.replace("-", "−"), loc="right", fontsize=10)
    axes.margins(0.08)
    axes.locator_params(nbins=6)
    axes.set_xlabel("OTDD to held-out target images (squared feature units)")
    axes.set_ylabel("squared error on the shots")
    figure.legend(loc="outside upper left", ncols=3, handletextpad=0.3, columnspacing=1.1, borderpad=0)
    return Picture("proxy", title, read, figure)


@style.styled()
def walk(facts: StudyFacts) -> Picture:
    """The same target images, carried through the hull."""
    title = "A walk through the hull"
    read = (
        "Every column follows one target image: what the mixture puts in its place, source by source and half-way "
        "between neighbours."
    )
    if not facts.walk:
        return Picture("walk", title, read, None, "the maps to the sources")
    steps = len(facts.walk)
    blocks = 1 if steps <= 13 else 2
    k, h, w, _ = facts.walk[0][1].shape
    caption = 1.35 if blocks == 1 else 0.95  # inches
    cell = min(0.56, (style.WIDTH / blocks - caption - 0.1) / k)  # inches, width of an image
    tall, lines = cell * h / w, math.ceil(steps / blocks)
    figure = style.canvas(lines * tall + 0.1)
    figure.set_layout_engine("none")
    for number, (name, images) in enumerate(facts.walk):
        block, line = divmod(number, lines)
        left = block * style.WIDTH / blocks + caption
        bottom = figure.get_figheight() - 0.05 - (line + 1) * tall
        high = figure.get_figheight()
        axes = figure.add_axes((left / style.WIDTH, bottom / high, k * cell / style.WIDTH, (tall - 0.03) / high))
        axes.imshow(_strip(images), interpolation="none", cmap="gray", vmin=0, vmax=255, aspect="auto")
        axes.set_label(name)
        style.bare(axes)
        best = name == BEST
        limit = 13 if blocks == 2 else 19
        axes.text(
            -0.08 / (k * cell), 0.5, style.wrap(name, limit) if tall > 0.27 else style.shorten(name, limit),
            ha="right", va="center", transform=axes.transAxes, fontsize=8 if blocks == 2 else 8.5, linespacing=1,
            color=style.BEST if best else style.MUTED if name == "half-way" else style.INK,
            fontweight="bold" if best or name == "target" else "normal",
        )  # fmt: skip
        if best:
            frame = Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, ec=style.BEST, lw=2, clip_on=False)
            axes.add_patch(frame)
    return Picture("walk", title, read, figure)


@style.styled()
def confirmation(facts: StudyFacts) -> Picture:
    """Every candidate on the test part: one small point per seed, mean and interval."""
    title = "Confirmed on the test part"
    kept = facts.confirmation
    if kept is None:
        read = "The best mixture, every baseline and no pretraining at all, retrained and scored on the test part."
        return Picture("confirmation", title, read, None, "the end of the search")
    read = (
        f"Small points are the {len(kept.seeds)} seeds, the large one their mean, the bar its 95 % interval; further "
        "left is better, the dotted line marks the best mixture."
        if len(kept.seeds) > 1
        else "One point per candidate, a single seed; further left is better, the dotted line marks the best mixture."
    )
    rows = kept.ranked()
    figure = style.canvas(0.85 + 0.3 * len(rows))
    panels = figure.subplots(1, len(kept.adaptations), sharey=True, squeeze=False)[0]
    for axes, adaptation in zip(panels, kept.adaptations, strict=True):
        _dots(axes, kept, adaptation)
        axes.set_title(adaptation, fontsize=9, fontweight="bold" if adaptation == kept.adaptation else "normal")
    panels[0].set_yticks(range(len(rows)), [style.wrap(row.name, 19) for row in rows], linespacing=1)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    for label, row in zip(panels[0].get_yticklabels(), rows, strict=True):
        if row.name == BEST:
            label.set(color=style.BEST, fontweight="bold")
    figure.supxlabel("test error, %", fontsize=9)
    return Picture("confirmation", title, read, figure)


@style.styled()
def time_spent(facts: StudyFacts) -> Picture:
    """Wall time of the stages."""
    title = "Where the time went"
    stages = [(name, seconds) for name, seconds in facts.stages if seconds > 0]
    total = sum(seconds for _, seconds in stages)
    read = f"Wall time per stage, over all runs of this study: {duration(total)} in total."
    if not stages:
        return Picture("time", title, read, None, "the first stage")
    figure = style.canvas(0.35 + 0.3 * len(stages))
    axes = figure.add_subplot()
    places = np.arange(len(stages))
    seconds = np.array([value for _, value in stages])
    axes.barh(places, seconds, height=0.62, color=style.BASELINE)
    for place, value in zip(places, seconds, strict=True):
        axes.annotate(
            f"{duration(value)} · {100 * value / total:.0f} %", (value, place), (4, 0), textcoords="offset points",
            va="center",
        )  # fmt: skip
    axes.set_yticks(places, [style.shorten(name, 26) for name, _ in stages])
    axes.set_ylim(len(stages) - 0.45, -0.55)
    axes.set_xlim(0, 1.45 * seconds.max())
    axes.set_xticks([])
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    return Picture("time", title, read, figure)


def duration(seconds: float) -> str:
    """In the two largest units that matter: 0.4 s, 38 s, 2 min 5 s, 3 h 12 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _ended(facts: StudyFacts) -> list[TrialFacts]:
    """Trials with an error, in the order of their proposals."""
    return [trial for trial in facts.trials if trial.error is not None and math.isfinite(trial.error)]


def _errors(trials: Sequence[TrialFacts]) -> np.ndarray:
    return np.array([trial.error for trial in trials], dtype=float)


def _mark(marker: str, colour: str, size: float) -> dict:
    return {"marker": marker, "color": colour, "s": size, "edgecolors": style.PAPER, "linewidths": 0.7}


def _beside(axes: Axes, points: float, row: float, text: str, **look: Any) -> None:
    """A cell of a column to the right of the axes, `points` away from them."""
    axes.annotate(
        text, (1, row), (points, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", ha="center",
        annotation_clip=False, **look,
    )  # fmt: skip


def _title(trial: TrialFacts, facts: StudyFacts) -> str:
    if trial.role != SEARCHED:
        return trial.role
    return f"best, trial {trial.number}" if trial.number == facts.best else f"trial {trial.number}"


def _concentration(trial: TrialFacts) -> str:
    value = "∞" if math.isinf(trial.concentration) else f"{trial.concentration:.2g}"
    return f"{value}\nMixup" if trial.pairing == "random" else value


def _margin_names(axes: Axes, facts: StudyFacts, named: Sequence[TrialFacts], best: Sequence[TrialFacts]) -> None:
    """Names to the right of the axes, level with the errors, pushed apart where they would meet."""
    every = [*named, *best]
    low, high = axes.get_ylim()
    gap = (high - low) * 0.155 / max(axes.get_figure(root=True).get_figheight() - 1.0, 1.0)  # type: ignore[union-attr]
    margin = offset_copy(axes.get_yaxis_transform(), axes.get_figure(root=True), x=12, units="points")
    for trial, place in zip(every, style.spread(_errors(every), gap, low, high), strict=True):
        colour, name = style.BASELINE, trial.role
        if trial in best:
            colour, name = style.BEST, f"best: {_title(trial, facts).removeprefix('best, ')}"
        axes.axhline(float(trial.error or 0), color=colour, linewidth=0.6, alpha=0.3, zorder=0)
        axes.annotate(
            style.shorten(name, 26), (1, float(trial.error or 0)), (1, place), xycoords=axes.get_yaxis_transform(),
            textcoords=margin, va="center", fontsize=8, color=colour, fontweight="bold" if trial in best else "normal",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6, "shrinkA": 0, "shrinkB": 0},
            annotation_clip=False,
        )  # fmt: skip


def _strip(images: np.ndarray) -> np.ndarray:
    """(k, h, w, ch) -> one picture (h, k * w) or (h, k * w, 3)."""
    strip = images.transpose(1, 0, 2, 3).reshape(images.shape[1], -1, images.shape[3])
    return strip[..., 0] if images.shape[3] == 1 else strip


def _dots(axes: Axes, kept: Confirmation, adaptation: str) -> None:
    for place, row in enumerate(kept.ranked()):
        errors = 100 * np.array(row.top1_errors[adaptation])
        colour = style.BEST if row.name == BEST else style.BASELINE
        half = t_half_width(errors)
        if math.isfinite(half):
            axes.plot([errors.mean() - half, errors.mean() + half], [place] * 2, color=colour, linewidth=2, alpha=0.55)
        seeds = axes.scatter(errors, np.full(len(errors), place), s=9, color=colour, alpha=0.5, linewidths=0, zorder=3)
        style.named(seeds, f"seeds of {row.name}")
        axes.scatter([errors.mean()], [place], s=34, color=colour, edgecolors=style.PAPER, linewidths=0.8, zorder=4)
    axes.axvline(100 * kept.row(BEST).mean(adaptation), color=style.BEST, linewidth=0.9, linestyle=":", zorder=1)
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
