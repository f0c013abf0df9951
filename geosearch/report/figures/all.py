"""All figures of a report, in the order of the page."""

from __future__ import annotations

from geosearch.report.figures.ablation import plot_ablation
from geosearch.report.figures.confirmation import plot_confirmation
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.figures.history import plot_history
from geosearch.report.figures.pareto import plot_pareto_front
from geosearch.report.figures.path import plot_path
from geosearch.report.figures.proxy import plot_proxy
from geosearch.report.figures.samples import plot_samples
from geosearch.report.figures.simplex import plot_simplex
from geosearch.report.figures.stage_times import plot_stage_times
from geosearch.report.figures.training import plot_training
from geosearch.report.figures.weights import plot_weights
from geosearch.report.summary import StudyReport


def draw_figures(facts: StudyReport) -> tuple[ReportFigure, ...]:
    """Draw all figures.

    The Pareto front only if sources have prices, the training only if maps were trained, samples only where activations
    stand for images.
    """
    priced = (plot_pareto_front,) if facts.prices else ()
    trained = (plot_training,) if facts.curves else ()
    pictured = (plot_samples,) if facts.samples else ()
    order = (
        plot_confirmation,
        plot_history,
        *priced,
        plot_simplex,
        plot_weights,
        plot_ablation,
        plot_proxy,
        plot_path,
        *pictured,
        *trained,
        plot_stage_times,
    )
    return tuple(draw(facts) for draw in order)
