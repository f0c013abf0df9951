"""The simplex of mixture weights: the trials, and contours of the distance to the target."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import Triangulation
from scipy.optimize import nnls

from geosearch.mixture.baselines import SEARCHED
from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure, finished_trials, group_trials, squared_errors
from geosearch.report.summary import StudyReport
from geosearch.search.trial_record import TrialRecord


@style.context()
def plot_simplex(facts: StudyReport) -> ReportFigure:
    """Draw the trials on a map of the weights; a line for two sources, a polygon for more."""
    if len(facts.sources) == 2:
        read = (
            "From left to right the weight of the second source grows. Above: the validation error after training; "
            "below: the closed-form distance to the target. Smaller is better in both."
        )
    else:
        read = (
            "A corner is one source alone; the closer a point is to it, the larger the weight of that source. Contour "
            "lines connect mixtures at the same closed-form distance to the target"
        )
        read += "." if len(facts.sources) == 3 else " (the smallest one of all mixtures at the same place)."
    return ReportFigure("simplex", "Map of the mixtures", read, hull_map(facts))


def hull_map(facts: StudyReport) -> Figure:
    """Draw a line for two sources, a triangle for three, a regular polygon for more."""
    trials = finished_trials(facts)
    return _line(facts, trials) if len(facts.sources) == 2 else _polygon(facts, trials)


def corners(gram: np.ndarray) -> np.ndarray:
    """Corners (m, 2) of a regular polygon, ordered so that similar sources are neighbours.

    Source 0 is at the top (left). The tour through all sources is shortened by 2-opt on their distances, whose squares
    are E|T_i z - T_j z|^2 = G_ii + G_jj - 2 G_ij.
    """
    m, diagonal = len(gram), np.diag(gram)
    between = np.sqrt(np.maximum(diagonal[:, None] + diagonal[None, :] - 2 * gram, 0))
    tour = list(range(m))
    improved = True
    while improved:
        improved = False
        for i, j in combinations(range(1, m), 2):
            a, b, c, d = tour[i - 1], tour[i], tour[j], tour[(j + 1) % m]
            if between[a, c] + between[b, d] < between[a, b] + between[c, d] - 1e-9 * between.sum():
                tour[i : j + 1] = tour[i : j + 1][::-1]
                improved = True
    angles = np.pi / 2 - np.pi * (2 * np.arange(m) - (m % 2 == 0)) / m  # an even polygon stands on a side
    places = np.empty((m, 2))
    places[tour] = np.column_stack([np.cos(angles), np.sin(angles)])
    return places


def least_distances(gram: np.ndarray, places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The smallest closed-form distance a'Ga (k,) of all weights a that the map places at each of the points (k, 2).

    With three sources each point has exactly one a; with more there are many, and the result is the lower envelope,
    convex in the point. Solved as non-negative least squares, G = B'B, with the position as heavily weighted equations.
    """
    m = len(gram)
    values, vectors = np.linalg.eigh(gram / max(np.trace(gram), 1e-300))
    root = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T  # (m, m)
    heavy = 1e3 * np.vstack([places.T, np.ones((1, m))])  # (3, m)
    matrix = np.vstack([root, heavy])
    found = np.empty(len(points))
    for k, point in enumerate(points):
        weights, _ = nnls(matrix, np.concatenate([np.zeros(m), 1e3 * point, [1e3]]), maxiter=50 * m)
        found[k] = weights @ gram @ weights / max(weights.sum() ** 2, 1e-300)
    return found


def apart(points: np.ndarray, radius: float) -> np.ndarray:
    """The points (k, 2), with those at the same place moved onto a small circle around it."""
    moved = points.astype(float).copy()
    _, group = np.unique(np.round(points / radius).astype(int), axis=0, return_inverse=True)
    for number in np.unique(group):
        rows = np.flatnonzero(group.ravel() == number)
        if len(rows) > 1:
            angles = np.pi / 2 + 2 * np.pi * np.arange(len(rows)) / len(rows)
            centre, size = points[rows].mean(axis=0), radius * max(1.0, len(rows) / 5)
            moved[rows] = centre + size * np.column_stack([np.cos(angles), np.sin(angles)])
    return moved


def _polygon(facts: StudyReport, trials: list[TrialRecord]) -> Figure:
    m = len(facts.sources)
    places = corners(facts.gram)
    outline = places[np.argsort(np.arctan2(places[:, 1], places[:, 0]))]
    figure = style.new_figure(4)
    axes = figure.add_subplot()
    style.hide_axes(axes)
    axes.set_aspect("equal")
    grid = _fan(outline, max(5, round((1500 / m) ** 0.5)))
    _contours(axes, grid, least_distances(facts.gram, places, grid))
    axes.fill(*outline.T, facecolor="none", edgecolor=style.MUTED, linewidth=1, zorder=2)
    tall = _corner_names(axes, places, [style.wrap(source.name, 15) for source in facts.sources])
    figure.set_figheight(tall + (1.05 if trials else 0.4))
    marks = [_handle("+", "hull projection", style.INK, size=10)]
    axes.plot(*(np.array(facts.projection) @ places), "+", color=style.INK, ms=13, mew=1.6, zorder=6, clip_on=False)
    if trials:
        _trials(axes, facts, trials, apart(np.array([t.weights for t in trials]) @ places, 0.035))
        marks += [
            _handle("o", "searched", style.MUTED),
            _handle("D", "baseline", style.MUTED),
            _handle("*", "best", style.BEST, size=11),
        ]
    figure.legend(handles=marks, loc="outside lower center", ncols=4, handletextpad=0.1, columnspacing=0.9)
    return figure


def _corner_names(axes: Axes, places: np.ndarray, names: Sequence[str]) -> float:
    """Write the names around the polygon and set limits that fit them; returns the height of the axes in inches."""
    half, gap = style.WIDTH / 2 - 0.08, 11 / 72  # inches
    units, above, below = [3.1 / float(np.ptp(places[:, 1]))], 0.22, 0.22  # inches: of radius 1; outside the polygon
    for name, (x, y) in zip(names, places, strict=True):
        level = "bottom" if y > 0.6 else "top" if y < -0.45 else "center"
        beside = abs(x) > 0.05 and (len(names) > 6 or level == "center")
        text = axes.annotate(
            name, (x, y), (72 * gap * x, 72 * gap * y), textcoords="offset points", va=level, linespacing=1.05,
            ha="center" if not beside else "left" if x > 0 else "right", fontsize=8.5, in_layout=False,
        )  # fmt: skip
        box = text.get_window_extent()
        wide, tall = box.width / axes.figure.dpi, box.height / axes.figure.dpi
        units.append((half - gap * abs(x) - wide * (1 if beside else 0.5)) / max(abs(x), 1e-3))
        above = max(above, 0.22 + tall) if level == "bottom" else above
        below = max(below, 0.22 + tall) if level == "top" else below
    unit = max(0.6, min(units))
    low, high = places[:, 1].min() * unit - below, places[:, 1].max() * unit + above
    axes.set_xlim(-half / unit, half / unit)
    axes.set_ylim(low / unit, high / unit)
    return float(high - low)


def _handle(marker: str, label: str, colour: str, size: float = 6) -> Line2D:
    return Line2D([], [], linestyle="none", marker=marker, color=colour, ms=size, mec=colour, label=label)


def _trials(axes: Axes, facts: StudyReport, trials: list[TrialRecord], points: np.ndarray) -> None:
    errors = squared_errors(trials)
    least, middle = float(errors.min()), float(np.median(errors))
    most = max(min(float(errors.max()), 2.5 * middle - 1.5 * least), least + 1e-9)  # outliers share the last color
    norm = Normalize(least, most)
    best = np.array([trial is facts.best for trial in trials])
    searched = np.array([trial.role == SEARCHED for trial in trials])
    for name, rows, marker, size in (("searched", searched & ~best, "o", 40), ("baseline", ~searched & ~best, "D", 34)):
        order = np.flatnonzero(rows)[np.argsort(-errors[rows])]  # the best on top
        drawn = axes.scatter(
            points[order, 0], points[order, 1], c=errors[order], s=size, marker=marker, norm=norm, cmap=style.ERRORS,
            edgecolors=style.PAPER, linewidths=0.7, zorder=4, clip_on=False,
        )  # fmt: skip
        style.set_hidden_label(drawn, name)
    drawn = axes.scatter(
        points[best, 0],
        points[best, 1],
        c=style.BEST,
        s=190,
        marker="*",
        edgecolors=style.PAPER,
        linewidths=0.9,
        zorder=7,
        clip_on=False,
    )
    style.set_hidden_label(drawn, "best")
    bar = axes.figure.colorbar(
        ScalarMappable(norm, style.ERRORS), ax=axes, orientation="horizontal", aspect=34, shrink=0.72, pad=0.02,
        extend="max" if errors.max() > most else "neither",
    )  # fmt: skip
    bar.ax.locator_params(nbins=5)
    bar.set_label("squared validation error (dark is better)")


def _contours(axes: Axes, points: np.ndarray, distances: np.ndarray) -> None:
    if np.ptp(distances) <= 1e-9 * max(abs(distances).max(), 1e-300):
        return
    levels = MaxNLocator(8).tick_values(float(distances.min()), float(np.quantile(distances, 0.9)))
    levels = levels[levels > distances.min() + 0.03 * np.ptp(distances)]  # no tiny contour at the minimum
    drawn = axes.tricontour(
        Triangulation(points[:, 0], points[:, 1]),
        distances,
        levels=levels,
        colors=style.MUTED,
        linewidths=0.7,
        alpha=0.75,
        zorder=1,
    )
    for label in axes.clabel(drawn, levels[::2], fmt="%.3g", fontsize=7.5, inline_spacing=2):
        label.set_gid("contour")


def _fan(outline: np.ndarray, steps: int) -> np.ndarray:
    """A grid of points (k, 2) in a polygon around the origin, including its edges and corners."""
    i, j = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1), indexing="ij")
    shares = np.column_stack([i[i + j <= steps], j[i + j <= steps]]) / steps
    sectors = [shares @ np.stack([a, b]) for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True)]
    return np.unique(np.concatenate(sectors).round(9), axis=0)


def _line(facts: StudyReport, trials: list[TrialRecord]) -> Figure:
    left, right = (style.shorten(source.name, 26) for source in facts.sources)
    figure = style.new_figure(3.9 if trials else 2.4)
    lower: Axes
    if trials:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for group, marker_style in group_trials(facts, trials):
            upper.scatter([trial.weights[1] for trial in group], squared_errors(group), **marker_style)
        upper.set_ylabel("squared\nvalidation error")
        upper.margins(y=0.12)
    else:
        lower = figure.add_subplot()
    shares = np.linspace(0, 1, 101)
    weights = np.column_stack([1 - shares, shares])
    lower.plot(shares, np.einsum("ki,ij,kj->k", weights, facts.gram, weights), color=style.INK, linewidth=1.4)
    projection = np.array(facts.projection)
    lower.plot(
        projection[1],
        projection @ facts.gram @ projection,
        "+",
        color=style.INK,
        ms=13,
        mew=1.6,
        label="hull projection",
    )
    lower.set_ylabel("distance\nto target")
    lower.set_xlabel(f"weight of {right}\n(0: only {left})")
    lower.set_xlim(-0.03, 1.03)
    figure.legend(loc="outside upper left", ncols=4, handletextpad=0.3, columnspacing=1.0, borderpad=0)
    return figure
