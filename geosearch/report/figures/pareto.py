"""The front of error and price."""

from __future__ import annotations

from geosearch.report.figures import style
from geosearch.report.figures.figure import Picture, ended, errors_of, kinds
from geosearch.report.summary import StudyReport
from geosearch.search.pareto import front as undominated


@style.styled()
def front(facts: StudyReport) -> Picture:
    """Errors against prices, the mixtures that none beats in both joined by a line."""
    title = "What a lower price costs"
    read = (
        "Each point is one mixture at its price, the mean of its sources' prices by their weights. On the line lie "
        "those that no other beats in both; their trial numbers are what 'geosearch synthesize --trial' asks for."
    )
    done = ended(facts)
    if not done:
        return Picture("front", title, read, None, "the first finished trial")
    prices = {trial.number: facts.price(trial.weights) for trial in done}
    figure = style.canvas(3.3)
    axes = figure.add_subplot()
    for group, look in kinds(facts, done):
        axes.scatter([prices[trial.number] for trial in group], errors_of(group), **look)
    best = undominated(done, list(errors_of(done)), [prices[trial.number] for trial in done])
    x, y = [prices[trial.number] for trial in best], errors_of(best)
    axes.step(x, y, where="post", color=style.INK, linewidth=1.2, zorder=1, label="the front")
    for trial, at, error in zip(best, x, y, strict=True):
        axes.annotate(
            str(trial.number), (at, error), (-3, -4), textcoords="offset points", ha="right", va="top", fontsize=8
        )
    axes.margins(0.08)
    axes.set_xlabel("price of an image")
    axes.set_ylabel("squared validation error")
    figure.legend(loc="outside upper left", ncols=4, handletextpad=0.3, columnspacing=1.1, borderpad=0)
    return Picture("front", title, read, figure)
