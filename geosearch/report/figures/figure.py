"""ReportFigure: a figure with its title and a note on how to read it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from geosearch.mixture.baselines import SEARCHED
from geosearch.report.figures import style
from geosearch.report.summary import StudyReport
from geosearch.search.trial_record import TrialRecord


@dataclass(frozen=True)
class ReportFigure:
    """A figure for the page, or why there is none yet.

    Attributes:
        name: file name without extension.
        title: heading on the page.
        how_to_read: note under the heading, in full sentences.
        figure: None if there is nothing to draw yet.
        missing: after what it can be drawn, if `figure` is None.

    Example:
        >>> ReportFigure("history", "Search history", "A point is a mixture.", None, missing="a trial").missing
        'a trial'
    """

    name: str
    title: str
    how_to_read: str
    figure: Figure | None
    missing: str = ""


def finished_trials(facts: StudyReport) -> list[TrialRecord]:
    """Trials with a finite error, in the order in which they were proposed."""
    return [trial for trial in facts.trials if trial.error is not None and math.isfinite(trial.error)]


def squared_errors(trials: Sequence[TrialRecord]) -> np.ndarray:
    """Squared validation errors (k,) of finished trials."""
    return np.array([trial.error for trial in trials], dtype=float)


def group_trials(
    facts: StudyReport, trials: Sequence[TrialRecord]
) -> Iterator[tuple[list[TrialRecord], dict[str, Any]]]:
    """Split trials into searched ones, baselines and the best one; each nonempty group with its marker style."""
    others = [trial for trial in trials if trial is not facts.best]
    shared = {"edgecolors": style.PAPER, "linewidths": 0.7, "zorder": 3}
    for label, group, own in (
        ("searched", [t for t in others if t.role == SEARCHED], {"marker": "o", "color": style.SEARCHED, "s": 28}),
        ("baseline", [t for t in others if t.role != SEARCHED], {"marker": "D", "color": style.BASELINE, "s": 27}),
        ("best", [t for t in trials if t is facts.best], {"marker": "*", "color": style.BEST, "s": 190}),
    ):
        if group:
            yield group, {**shared, **own, "label": label}


def trial_label(trial: TrialRecord, facts: StudyReport) -> str:
    """The name of a trial in a figure."""
    if trial.role != SEARCHED:
        return trial.role
    return f"best, trial {trial.number}" if trial is facts.best else f"trial {trial.number}"
