"""Picture: a figure with its title and one line on how to read it; and the trials as figures group them."""

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
from geosearch.search.trial import TrialRecord


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


def ended(facts: StudyReport) -> list[TrialRecord]:
    """Trials with an error, in the order of their proposals."""
    return [trial for trial in facts.trials if trial.error is not None and math.isfinite(trial.error)]


def errors_of(trials: Sequence[TrialRecord]) -> np.ndarray:
    """(k,) squared validation errors of trials that ended."""
    return np.array([trial.error for trial in trials], dtype=float)


def kinds(facts: StudyReport, trials: Sequence[TrialRecord]) -> Iterator[tuple[list[TrialRecord], dict[str, Any]]]:
    """The searched trials, the baselines and the best one, as far as there are any, each with its marker."""
    others = [trial for trial in trials if trial is not facts.best]
    look = {"edgecolors": style.PAPER, "linewidths": 0.7, "zorder": 3}
    for label, group, own in (
        ("searched", [t for t in others if t.role == SEARCHED], {"marker": "o", "color": style.SEARCHED, "s": 28}),
        ("baseline", [t for t in others if t.role != SEARCHED], {"marker": "D", "color": style.BASELINE, "s": 27}),
        ("best", [t for t in trials if t is facts.best], {"marker": "*", "color": style.BEST, "s": 190}),
    ):
        if group:
            yield group, {**look, **own, "label": label}


def title_of(trial: TrialRecord, facts: StudyReport) -> str:
    """What a trial is called beside its mark."""
    if trial.role != SEARCHED:
        return trial.role
    return f"best, trial {trial.number}" if trial is facts.best else f"trial {trial.number}"
