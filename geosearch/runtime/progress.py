"""Progress: listeners to the events of a run, which log or display them."""

from __future__ import annotations

import json
import logging
import math
import signal
import sys
import time
from typing import IO, TYPE_CHECKING, Any, Protocol

from geosearch.runtime.events import CountedEvent, Event

if TYPE_CHECKING:
    from rich.progress import TaskID

LOGGER = logging.getLogger("geosearch")


class Progress(Protocol):
    """Anything that listens to a run; see `geosearch.runtime.events` for the events.

    >>> from geosearch.runtime.events import TrialFinished
    >>> class Errors:
    ...     def event(self, event):
    ...         if isinstance(event, TrialFinished):
    ...             print(event.error)
    >>> Errors().event(TrialFinished(3, "searched", error=0.31, done=10, total=20, best=0.29))
    0.31
    """

    def event(self, event: Event) -> None:
        """Something happened."""


class Log:
    """Writes every event as one sentence to the logger `geosearch`; the default of every run.

    A record's attribute `event` is the event itself. A program that wants to see the log asks for it:

    >>> import logging
    >>> logging.basicConfig(level=logging.INFO)  # doctest: +SKIP
    """

    def event(self, event: Event) -> None:
        LOGGER.log(event.level, "%s", event, extra={"event": event})


class JsonLines(Log):
    """Prints one JSON object per line and event, and logs it.

    >>> from geosearch.runtime.events import StageStarted
    >>> JsonLines().event(StageStarted("transport"))  # doctest: +ELLIPSIS
    {"event": "stage", "seconds": ..., "name": "transport"}
    """

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out or sys.stdout
        self._start = time.monotonic()

    def event(self, event: Event) -> None:
        super().event(event)
        line = {"event": event.kind, "seconds": round(time.monotonic() - self._start, 3), **event.to_json()}
        print(json.dumps(_finite(line)), file=self._out, flush=True)


class Live(Log):
    """A live display for a terminal: bars with what is done, the best so far, and the time left.

    Events that a bar shows are not logged; all others are.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(stderr=True, highlight=False),
            redirect_stdout=False,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def event(self, event: Event) -> None:
        if not isinstance(event, CountedEvent):
            return super().event(event)
        if event.bar not in self._tasks:
            self._tasks[event.bar] = self._bars.add_task(event.bar, total=event.total, note=event.note)
        self._bars.update(self._tasks[event.bar], completed=event.done, note=event.note)


class Terminated(KeyboardInterrupt):
    """The process received SIGTERM, as schedulers send it when a job's time is up."""


class Interruptible:
    """Passes events on, and ends the run at the next one if an earlier interrupt was lost.

    Python drops a KeyboardInterrupt that is raised inside a destructor or a callback from C; the run has to stop all
    the same.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._requested: type[KeyboardInterrupt] | None = None

    def __enter__(self) -> Interruptible:
        self._before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def event(self, event: Event) -> None:
        if self._requested:
            raise self._requested
        self._progress.event(event)

    def _interrupt(self, number: int, _: object) -> None:
        self._requested = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        raise self._requested


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
