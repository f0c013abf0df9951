"""The figures of a report, each with one line on how to read it. They draw facts and compute nothing else."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.patches import Rectangle

from geosearch.confirmation.statistics import BEST
from geosearch.report.figures import style
from geosearch.report.figures.ablation import worth
from geosearch.report.figures.figure import Picture, ended, errors_of, kinds
from geosearch.report.figures.history import history
from geosearch.report.figures.pareto import front
from geosearch.report.figures.rows import confirmation, time_spent, weights
from geosearch.report.figures.simplex import hull_map
from geosearch.report.figures.training import training
from geosearch.report.summary import StudyReport


def pictures(facts: StudyReport) -> tuple[Picture, ...]:
    """All figures in the order of the page; those of prices and of the training of maps only where there are any."""
    priced = (front,) if facts.prices else ()
    trained = (training,) if facts.curves else ()
    order = (confirmation, history, *priced, simplex, weights, worth, proxy, walk, *trained, time_spent)
    return tuple(draw(facts) for draw in order)


@style.styled()
def simplex(facts: StudyReport) -> Picture:
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
def proxy(facts: StudyReport) -> Picture:
    """Held-out OTDD against the error, with their rank agreement."""
    title = "Can the distance be trusted?"
    agreement = facts.proxy_agreement
    sentence = f" {agreement.sentence()[:1].upper()}{agreement.sentence()[1:]}." if agreement.trials else ""
    read = (
        "The further the points run from lower left to upper right, the better the cheap distance foretells what "
        f"training says.{sentence}"
    )
    both = [trial for trial in ended(facts) if trial.proxy is not None]
    if not both:
        return Picture("proxy", title, read, None, "a trial with both a held-out distance and an error")
    figure = style.canvas(3.3)
    axes = figure.add_subplot()
    for group, look in kinds(facts, both):
        axes.scatter(np.array([trial.proxy for trial in group], dtype=float), errors_of(group), **look)
    if math.isfinite(agreement.tau):
        tau = f"τ = {agreement.tau:+.2f}  [{agreement.low:+.2f}, {agreement.high:+.2f}]"
        axes.set_title(tau.replace("-", "−"), loc="right", fontsize=10)
    axes.margins(0.08)
    axes.locator_params(nbins=6)
    axes.set_xlabel("OTDD to held-out target images (squared feature units)")
    axes.set_ylabel("squared validation error")
    figure.legend(loc="outside upper left", ncols=3, handletextpad=0.3, columnspacing=1.1, borderpad=0)
    return Picture("proxy", title, read, figure)


@style.styled()
def walk(facts: StudyReport) -> Picture:
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


def _strip(images: np.ndarray) -> np.ndarray:
    """(k, h, w, ch) -> one picture (h, k * w) or (h, k * w, 3)."""
    strip = images.transpose(1, 0, 2, 3).reshape(images.shape[1], -1, images.shape[3])
    return strip[..., 0] if images.shape[3] == 1 else strip
