"""The Pareto front of error and price."""

from __future__ import annotations

from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure, finished_trials, group_trials, squared_errors
from geosearch.report.summary import StudyReport
from geosearch.search.pareto import front as undominated


@style.context()
def plot_pareto_front(facts: StudyReport) -> ReportFigure:
    """Draw errors against prices, with the Pareto front as a line."""
    title = "Error and price"
    read = (
        "Each point is one mixture; its price is the weighted mean of its sources' prices. On the line is the Pareto "
        "front: no other mixture has both a smaller error and a lower price. The numbers are trials, for "
        "'geosearch synthesize --trial'."
    )
    done = finished_trials(facts)
    if not done:
        return ReportFigure("front", title, read, None, "the first finished trial")
    prices = {trial.number: facts.price(trial.weights) for trial in done}
    figure = style.new_figure(3.3)
    axes = figure.add_subplot()
    for group, marker_style in group_trials(facts, done):
        axes.scatter([prices[trial.number] for trial in group], squared_errors(group), **marker_style)
    best = undominated(done, list(squared_errors(done)), [prices[trial.number] for trial in done])
    x, y = [prices[trial.number] for trial in best], squared_errors(best)
    axes.step(x, y, where="post", color=style.INK, linewidth=1.2, zorder=1, label="Pareto front")
    for trial, at, error in zip(best, x, y, strict=True):
        axes.annotate(
            str(trial.number), (at, error), (-3, -4), textcoords="offset points", ha="right", va="top", fontsize=8
        )
    axes.margins(0.08)
    axes.set_xlabel("price per image")
    axes.set_ylabel("squared validation error")
    figure.legend(loc="outside upper left", ncols=4, handletextpad=0.3, columnspacing=1.1, borderpad=0)
    return ReportFigure("front", title, read, figure)
