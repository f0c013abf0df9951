"""The proxy against the validation error: is the cheap distance a good predictor?"""

from __future__ import annotations

import math

import numpy as np

from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure, finished_trials, group_trials, squared_errors
from geosearch.report.summary import StudyReport


@style.context()
def plot_proxy(facts: StudyReport) -> ReportFigure:
    """Draw the proxy (debiased held-out OTDD) against the error, with their rank correlation."""
    title = "Does the distance predict the error?"
    agreement = facts.proxy_agreement
    sentence = f" {agreement.sentence()[:1].upper()}{agreement.sentence()[1:]}." if agreement.trials else ""
    read = (
        "Each point is one mixture. The closer the points are to a rising line, the better the cheap distance "
        f"predicts the validation error.{sentence}"
    )
    both = [trial for trial in finished_trials(facts) if trial.proxy is not None]
    if not both:
        return ReportFigure("proxy", title, read, None, "a trial with both a held-out distance and an error")
    figure = style.new_figure(3.3)
    axes = figure.add_subplot()
    for group, marker_style in group_trials(facts, both):
        axes.scatter(np.array([trial.proxy for trial in group], dtype=float), squared_errors(group), **marker_style)
    if math.isfinite(agreement.tau):
        tau = f"τ = {agreement.tau:+.2f}  [{agreement.low:+.2f}, {agreement.high:+.2f}]"
        axes.set_title(tau.replace("-", "−"), loc="right", fontsize=10)
    axes.margins(0.08)
    axes.locator_params(nbins=6)
    axes.set_xlabel("debiased OTDD to held-out target images (squared feature units)")
    axes.set_ylabel("squared validation error")
    figure.legend(loc="outside upper left", ncols=3, handletextpad=0.3, columnspacing=1.1, borderpad=0)
    return ReportFigure("proxy", title, read, figure)
