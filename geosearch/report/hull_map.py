"""The map of the simplex: where the trials lie between the sources, and how far each place is from the target."""

from __future__ import annotations

from itertools import combinations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation
from scipy.optimize import nnls

from geosearch.report import style
from geosearch.report.facts import StudyFacts
from geosearch.search.baselines import SEARCHED
from geosearch.search.store import TrialFacts


def hull_map(facts: StudyFacts) -> Figure:
    """A triangle for three sources, a regular polygon for more, a line for two."""
    trials = [trial for trial in facts.trials if trial.error is not None and np.isfinite(trial.error)]
    return _line(facts, trials) if len(facts.sources) == 2 else _polygon(facts, trials)


def corners(gram: np.ndarray) -> np.ndarray:
    """(m, 2) corners of a regular polygon, sources that are close to each other next to each other.

    Source 0 is at the top; the round trip through all sources is shortened by 2-opt on their squared distances
    E|T_i z - T_j z|^2 = G_ii + G_jj - 2 G_ij.
    """
    m, diagonal = len(gram), np.diag(gram)
    between = diagonal[:, None] + diagonal[None, :] - 2 * gram
    tour = list(range(m))
    improved = True
    while improved:
        improved = False
        for i, j in combinations(range(1, m), 2):
            a, b, c, d = tour[i - 1], tour[i], tour[j], tour[(j + 1) % m]
            if between[a, c] + between[b, d] < between[a, b] + between[c, d] - 1e-12 * diagonal.sum():
                tour[i : j + 1] = tour[i : j + 1][::-1]
                improved = True
    angles = np.pi / 2 - 2 * np.pi * np.arange(m) / m
    places = np.empty((m, 2))
    places[tour] = np.column_stack([np.cos(angles), np.sin(angles)])
    return places


def least_distances(gram: np.ndarray, places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(k,) the least closed-form distance a'Ga of any weights a that the map puts at each of the points (k, 2).

    With three sources a point has one such a; with more it has many, and this is the lower envelope: convex in
    the point. Solved as non-negative least squares, G = B'B, with the place as heavily weighted equations.
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
    """(k, 2) the same points, those that share a place moved onto a small circle around it."""
    moved = points.astype(float).copy()
    _, group = np.unique(np.round(points / radius).astype(int), axis=0, return_inverse=True)
    for number in np.unique(group):
        rows = np.flatnonzero(group.ravel() == number)
        if len(rows) > 1:
            angles = np.pi / 2 + 2 * np.pi * np.arange(len(rows)) / len(rows)
            centre, size = points[rows].mean(axis=0), radius * max(1.0, len(rows) / 5)
            moved[rows] = centre + size * np.column_stack([np.cos(angles), np.sin(angles)])
    return moved


def _polygon(facts: StudyFacts, trials: list[TrialFacts]) -> Figure:
    m = len(facts.sources)
    places = corners(facts.gram)
    figure = style.canvas(4.6 if trials else 3.9)
    axes = figure.add_subplot()
    style.bare(axes)
    axes.set_aspect("equal")
    grid = _fan(places[np.argsort(-np.arctan2(places[:, 1], places[:, 0]))], max(5, round((1500 / m) ** 0.5)))
    _contours(axes, grid, least_distances(facts.gram, places, grid))
    outline = places[np.argsort(np.arctan2(places[:, 1], places[:, 0]))]
    axes.fill(*outline.T, facecolor="none", edgecolor=style.MUTED, linewidth=1, zorder=2)
    for source, (x, y) in zip(facts.sources, places, strict=True):
        side = "center" if abs(x) < 0.25 else "left" if x > 0 else "right"
        level = "bottom" if y > 0.9 else "top" if y < -0.45 and m == 3 or y < -0.9 else "center"
        axes.text(1.06 * x, 1.06 * y, style.wrap(source.name, 15), ha=side, va=level, linespacing=1.05)
    axes.plot(
        *(np.array(facts.projection) @ places), "+", color=style.INK, ms=13, mew=1.6, zorder=6, label="hull projection"
    )
    if trials:
        _trials(axes, facts, trials, apart(np.array([t.weights for t in trials]) @ places, 0.035))
    figure.legend(loc="outside lower center", ncols=2, handletextpad=0.3, columnspacing=1.2)
    return figure


def _trials(axes: Axes, facts: StudyFacts, trials: list[TrialFacts], points: np.ndarray) -> None:
    errors = np.array([trial.error for trial in trials], dtype=float)
    middle = float(np.median(errors))
    norm = Normalize(errors.min(), max(min(errors.max(), 2.5 * middle - 1.5 * errors.min()), errors.min() + 1e-9))
    for role, marker, size in (("searched", "o", 40), ("baseline", "D", 34)):
        rows = [
            i for i, t in enumerate(trials) if (t.role == SEARCHED) == (role == "searched") and t.number != facts.best
        ]
        rows.sort(key=lambda i: -errors[i])  # the best on top
        if rows:
            axes.scatter(
                *points[rows].T, c=errors[rows], s=size, marker=marker, norm=norm, cmap=style.ERRORS,
                edgecolors=style.PAPER, linewidths=0.7, zorder=4, label=f"{role} mixture",
            )  # fmt: skip
    for i, trial in enumerate(trials):
        if trial.number == facts.best:
            axes.scatter(
                *points[[i]].T, c=style.BEST, s=190, marker="*", edgecolors=style.PAPER, linewidths=0.9, zorder=7,
                label="best mixture",
            )  # fmt: skip
    mappable = matplotlib.cm.ScalarMappable(norm, style.ERRORS)
    bar = axes.figure.colorbar(
        mappable, ax=axes, orientation="horizontal", aspect=34, shrink=0.72, pad=0.03,
        extend="max" if errors.max() > norm.vmax else "neither",
    )  # fmt: skip
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.locator_params(nbins=5)
    bar.set_label("error on the shots (dark is better)")


def _contours(axes: Axes, points: np.ndarray, distances: np.ndarray) -> None:
    if np.ptp(distances) <= 1e-9 * max(abs(distances).max(), 1e-300):
        return
    drawn = axes.tricontour(
        Triangulation(*points.T), distances, levels=7, colors=style.MUTED, linewidths=0.7, alpha=0.75, zorder=1
    )
    axes.clabel(drawn, fmt="%.3g", fontsize=7.5, inline_spacing=2)


def _fan(outline: np.ndarray, steps: int) -> np.ndarray:
    """(k, 2) points that fill a polygon around the origin, its edges and corners included."""
    i, j = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1), indexing="ij")
    shares = np.column_stack([i[i + j <= steps], j[i + j <= steps]]) / steps
    sectors = [shares @ np.stack([a, b]) for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True)]
    return np.unique(np.concatenate(sectors).round(9), axis=0)


def _line(facts: StudyFacts, trials: list[TrialFacts]) -> Figure:
    left, right = (style.shorten(source.name, 26) for source in facts.sources)
    figure = style.canvas(3.9 if trials else 2.4)
    lower: Axes
    if trials:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for role, colour, marker in (("searched", style.SEARCHED, "o"), ("baseline", style.BASELINE, "D")):
            rows = [t for t in trials if (t.role == SEARCHED) == (role == "searched") and t.number != facts.best]
            if rows:
                upper.scatter(
                    [t.weights[1] for t in rows], [t.error for t in rows], s=30, c=colour, marker=marker,
                    edgecolors=style.PAPER, linewidths=0.7, zorder=3, label=f"{role} mixture",
                )  # fmt: skip
        for trial in trials:
            if trial.number == facts.best:
                upper.scatter(
                    [trial.weights[1]], [trial.error], s=190, c=style.BEST, marker="*", edgecolors=style.PAPER,
                    linewidths=0.9, zorder=5, label="best mixture",
                )  # fmt: skip
        upper.set_ylabel("error on the shots")
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
    lower.set_ylabel("distance to target")
    lower.set_xlabel(f"weight of {right}\n(0: only {left})")
    lower.set_xlim(-0.03, 1.03)
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.3, columnspacing=1.2)
    return figure
