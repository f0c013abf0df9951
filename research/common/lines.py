"""Lines: what a benchmark found so far, a JSON object a line, so that the same command goes on where it stopped."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from geosearch.runtime.parallel import in_processes


@dataclass(frozen=True)
class Lines:
    """A file of facts, each with a key that says what was asked."""

    path: Path

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def fill(self, tasks: Iterable[tuple[Mapping[str, Any], Callable[..., Any], tuple[Any, ...]]], *, jobs: int) -> int:
        """Do the tasks (key, function, arguments) that have no line yet, side by side; returns how many that were.

        A function returns the facts that join its key on the line, with the seconds that it ran and those of them that
        it had a processor, which tell its cost on a busy machine. Lines are written as they come.
        """
        known = {_hashable(line["asked"]) for line in self.all()}
        missing = [task for task in tasks if _hashable(task[0]) not in known]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        outcomes = in_processes([(_timed, (_importable(function), *rest)) for _, function, rest in missing], jobs)
        for number, ((asked, _, _), (facts, cost)) in enumerate(zip(missing, outcomes, strict=True), 1):
            with self.path.open("a") as file:
                file.write(json.dumps({"asked": dict(asked), **facts, **cost}) + "\n")
            print(f"{self.path.stem}: {number} of {len(missing)}: {dict(asked)}", flush=True)
        return len(missing)


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, dict[str, float]]:
    """Runs in a worker process."""
    start, own = time.perf_counter(), time.process_time()
    facts = function(*arguments)
    ran, worked = time.perf_counter() - start, time.process_time() - own
    return facts, {"ran_seconds": round(ran, 1), "processor_seconds": round(worked, 1)}


def _importable(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of the script as a module: what it finds by name, worker processes find there too."""
    if function.__module__ != "__main__":
        return function
    return getattr(import_module(sys.modules["__main__"].__spec__.name), function.__name__)  # type: ignore[no-any-return]


def _hashable(asked: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    return tuple(sorted(asked.items()))
