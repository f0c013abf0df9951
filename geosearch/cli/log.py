"""The log on standard error, as the command line shows it."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from geosearch.runtime.progress import LOGGER


class LogHandler(logging.Handler):
    """Prints records to whatever `sys.stderr` is at that time: a progress bar replaces it while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


class PlainFormatter(logging.Formatter):
    """The message alone; warnings and errors begin with "geosearch: warning:" or "geosearch: error:"."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"geosearch: {record.levelname.lower()}: {text}" if record.levelno >= logging.WARNING else text


VERBOSE = logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S")


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Show warnings, and what `show_log` asks for, until the command is over."""
    handler, level = LogHandler(logging.WARNING), LOGGER.level
    handler.setFormatter(PlainFormatter())
    LOGGER.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")  # joblib, which starts another
            warnings.showwarning = lambda message, *_, **__: LOGGER.warning("%s", message)
            yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


def show_log(level: int, *, verbose: bool = False) -> None:
    """Show records from `level` on; `verbose` adds the time and the name of the logger."""
    for handler in LOGGER.handlers:
        if isinstance(handler, LogHandler):
            handler.setLevel(level)
            if verbose:
                handler.setFormatter(VERBOSE)
    LOGGER.setLevel(level)
