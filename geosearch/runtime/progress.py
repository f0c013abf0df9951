"""How a run tells what it is doing: one method, several voices."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from typing import IO, Any, Protocol


class Progress(Protocol):
    """Anything that listens to a run.

    Kinds of event: "stage" (name), "trial" (trial, role, error, done, total, best), "pruned", "failed",
    "finalist", "trust", "lost" (trials of dead workers), "workers" (left, ended), "confirmation" (row, done, total),
    "synthesis" (how), "derivative" (done, total), "done".
    """

    def event(self, kind: str, **facts: Any) -> None:
        """Something happened."""


class Silent:
    """Says nothing."""

    def event(self, kind: str, **facts: Any) -> None:
        return None


class Sentences:
    """One line for each thing that has something to say about how it is done."""

    def event(self, kind: str, **facts: Any) -> None:
        if "how" in facts:
            print(facts["how"], file=sys.stderr)


class JsonLines:
    """One JSON object per line and event."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out or sys.stdout
        self._start = time.monotonic()

    def event(self, kind: str, **facts: Any) -> None:
        line = {"event": kind, "seconds": round(time.monotonic() - self._start, 3), **facts}
        print(json.dumps(_finite(line)), file=self._out, flush=True)


class Live:
    """A live display for a terminal: a bar with what is done, the best so far, and the time left."""

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

        self._console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            transient=False,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def event(self, kind: str, **facts: Any) -> None:
        if kind == "stage":
            self._console.print(f"[dim]{facts['name']}[/dim]")
        elif kind == "trial":
            self._advance("trials", facts, f"best squared error {facts['best']:.4f}")
        elif kind == "confirmation":
            self._advance("confirmation", facts, facts["row"])
        elif kind == "derivative":
            self._advance("derivative", facts, "")
        elif kind in ("failed", "pruned"):
            self._console.print(f"[dim]trial {facts['trial']} {kind}: {facts['reason']}[/dim]", highlight=False)

    def _advance(self, name: str, facts: dict[str, Any], note: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=facts["total"], note=note)
        self._bars.update(self._tasks[name], completed=facts["done"], note=note)


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM), as schedulers do when time is up."""


class Interruptible:
    """Passes events on, and ends the run at the next one if a request to stop was lost on its way.

    Python drops a KeyboardInterrupt that is raised inside a destructor or a callback from C; a run that was
    asked to stop must not go on for that.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._asked: type[KeyboardInterrupt] | None = None

    def __enter__(self) -> Interruptible:
        self._before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def event(self, kind: str, **facts: Any) -> None:
        if self._asked:
            raise self._asked
        self._progress.event(kind, **facts)

    def _interrupt(self, number: int, _: object) -> None:
        self._asked = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        raise self._asked


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
