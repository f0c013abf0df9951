"""Runs of studies on the command line: progress, final output, and advice after an interrupt."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from geosearch.cli.log import show_log
from geosearch.errors import InvalidOptionError
from geosearch.runtime.events import StageStarted, StudyFinished
from geosearch.runtime.progress import Interruptible, JsonLines, Live, Log, Progress

if TYPE_CHECKING:
    from geosearch.study.study import Study


@contextmanager
def report_progress(*, as_json: bool, verbose: bool) -> Iterator[Progress]:
    """The progress of a command.

    Args:
        as_json: one JSON object per event on standard output.
        verbose: the whole log on standard error.

    Without either: a live display on a terminal, and elsewhere one line per event on standard error.
    """
    level = logging.DEBUG if verbose else logging.WARNING if as_json else logging.INFO
    show_log(level, verbose=verbose)
    if as_json:
        yield JsonLines()
    elif verbose or not sys.stderr.isatty():
        yield Log()
    else:
        with Live() as live:
            yield live


@contextmanager
def interruptible(*, as_json: bool, verbose: bool, advice: str = "") -> Iterator[Progress]:
    """As `report_progress`, for a run that Ctrl-C and SIGTERM stop; `advice` says how to continue it then."""
    with report_progress(as_json=as_json, verbose=verbose) as progress, Interruptible(progress) as listener:
        try:
            yield listener
        except KeyboardInterrupt as request:
            if advice:
                request.add_note(advice)
            raise


def check_one_engine(workers: int | None, parallel: str | None, option: str = "--workers") -> None:
    """Raise `InvalidOptionError` if both a number of workers and a cluster are given."""
    if workers and parallel:
        raise InvalidOptionError(f"{option} and --parallel cannot be combined; give one of them")


def run_to_end(study: Study, progress: Progress, *, evaluations: int | None, workers: int) -> StudyFinished:
    """Search and confirm, and write model, mixture and report."""
    from geosearch.search.trial_record import NO_TRIAL

    confirmation = study.run(evaluations=evaluations, workers=workers)
    model = study.keep_model()
    progress.event(StageStarted("writing mixture and report"))
    mixture, page = study.export_best(), study.report()
    number = None if study.best.number == NO_TRIAL else study.best.number
    progress.event(end := StudyFinished(number, confirmation.verdict(), str(mixture), str(page), str(model or "")))
    return end


def print_end(study: Study, end: StudyFinished) -> None:
    """Print status and files; call it when the live display is closed, which would break its lines."""
    from geosearch.report.status import status_text

    model = f"model written to        {end.model}\n" * bool(end.model)
    print(
        f"{status_text(study.summary())}\n\nbest mixture written to {end.mixture}\n{model}"
        f"report written to       {end.report}"
    )
