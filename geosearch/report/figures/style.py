"""The style of all figures: sizes, color-blind-safe colors, and shortened text."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from geosearch.report.figures.fonts import families, missing_letters, warn_once

WIDTH = 4.8  # inches, 346 points: on a page of 400 px a point is about a pixel, so 9 pt text stays readable

# In an SVG these colors become CSS variables, which a dark page sets to other values.
INK, MUTED, GRID, PAPER = "#1b2026", "#5b6571", "#dde1e6", "#fffffe"
# Okabe & Ito 2008: colors that differ for all common kinds of color blindness. Those that become CSS variables are one
# digit off, so that the colors of the sources, which are the same on light and dark pages, are not replaced with them.
BEST, BASELINE, SEARCHED = "#d55e01", "#0072b3", "#8a949e"
VARIABLES = {
    INK: "--ink", MUTED: "--muted", GRID: "--line", PAPER: "--card", BEST: "--best", BASELINE: "--baseline"
}  # fmt: skip
SHADES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
HATCHES = ("", "////")  # used with the second round of colors, so that twelve sources differ

# Errors: dark is small. Cut at both ends to stay visible on white and on black.
ERRORS = LinearSegmentedColormap.from_list("errors", matplotlib.colormaps["viridis"](np.linspace(0.08, 0.96, 256)))

RC: dict[str, Any] = {
    "font.size": 9,
    "text.parse_math": False,  # names are data: a '$' in a name is a dollar sign
    "text.color": INK,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 1.1,
    "hatch.color": PAPER,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",
    "svg.hashsalt": "geosearch",
}


@contextmanager
def context() -> Iterator[None]:
    """Draw figures in this style, whatever the user's matplotlibrc contains; a decorator, too."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
        matplotlib.rcParams["font.family"] = families()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")  # said once, when the figure is saved
            yield


def new_figure(height: float) -> Figure:
    """An empty figure of the page's width and a height in inches, with constrained layout."""
    return Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.05))


def hide_axes(axes: Axes) -> None:
    """Remove ticks, spines and grid."""
    axes.set_axis_off()
    axes.grid(False)


def source_fill(i: int) -> tuple[str, str]:
    """Color and hatch of source i."""
    return SHADES[i % len(SHADES)], HATCHES[i // len(SHADES) % len(HATCHES)]


def text_color_on(colour: str) -> str:
    """Black or white, whichever has more contrast with the color."""
    red, green, blue = to_rgb(colour)
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"


def shorten(name: str, limit: int) -> str:
    """Shorten to one line of at most `limit` characters, by an ellipsis in the middle."""
    line = " ".join(name.split())
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 2
    return f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"


def wrap(name: str, width: int, lines: int = 2) -> str:
    """Wrap to at most `lines` lines of `width` characters, after a space, slash, hyphen or underscore if possible."""
    rows = [""]
    for piece in re.findall(r"[^\s/_-]*[\s/_-]|[^\s/_-]+$", " ".join(name.split())):
        if len(rows) < lines and rows[-1] and len((rows[-1] + piece).rstrip()) > width:
            rows.append("")
        rows[-1] += piece
    return "\n".join(shorten(row, width) for row in rows)


def separate(wanted: Sequence[float] | np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Positions of labels, as close as possible to the wanted ones, in the same order and at least `gap` apart.

    Positions stay within [low, high] if all fit at that gap. They are closest in the sense of least squares:
    pool-adjacent-violators on wanted_i - i * gap. Source: Barlow et al. 1972.

    Args:
        wanted: (n,) wanted positions.
        gap: minimum distance between neighbours.
        low: lower limit.
        high: upper limit.

    Returns:
        float64 (n,).
    """
    order = np.argsort(wanted, kind="stable")
    blocks: list[list[float]] = []  # [mean, count]
    for i, value in enumerate(np.asarray(wanted, dtype=float)[order]):
        blocks.append([value - i * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, count = blocks.pop()
            blocks[-1] = [
                (blocks[-1][0] * blocks[-1][1] + mean * count) / (blocks[-1][1] + count),
                blocks[-1][1] + count,
            ]
    n = len(order)
    fitted = np.repeat([mean for mean, _ in blocks], [int(count) for _, count in blocks])
    room = max(high - (n - 1) * gap, low)
    places = np.empty(n)
    places[order] = np.clip(fitted, low, room) + gap * np.arange(n)
    return places


def png(figure: Figure) -> bytes:
    """Render as a PNG with a light background, three pixels per point."""
    buffer = io.BytesIO()
    warn_once(missing_letters(figure))
    _save(figure, buffer, format="png", dpi=220, metadata={"Software": "geosearch"})
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """Render as an SVG to include in a page: no prologue, metadata or URLs; colors as CSS variables.

    Text is drawn as paths; in a figure with letters that no font here has it stays text, so that a browser shows them.
    """
    buffer = io.StringIO()
    kind = "none" if missing_letters(figure) else "path"
    _save(figure, buffer, text=kind, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", text)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    for ink, variable in VARIABLES.items():
        text = re.sub(ink, f"var({variable})", text, flags=re.IGNORECASE)
    return text


def _save(figure: Figure, buffer: io.BytesIO | io.StringIO, text: str = "path", **options: Any) -> None:
    """Save in this style, and keep the layout of the first drawing for the next, which then takes one drawing."""
    with context():
        matplotlib.rcParams["svg.fonttype"] = text
        figure.savefig(buffer, **options)
        figure.set_layout_engine(None)  # "none" leaves an empty engine, for which figures are drawn twice


def set_hidden_label(artist: Artist, name: str) -> None:
    """Set a label that does not appear in a legend; tests find artists by it."""
    artist.set_label(f"_{name}")
