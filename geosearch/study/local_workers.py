"""Together: one study by several processes. Who may be alone, who joins, and the workers of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from geosearch.errors import GeosearchError
from geosearch.runtime.events import TrialFailed, TrialFinished, WorkersCrashed
from geosearch.runtime.parallel import exit_with
from geosearch.search.crew import SEARCH, WORKER, Crew, roster
from geosearch.search.loop import Search
from geosearch.search.racing import best_of
from geosearch.search.storage.sqlite import alone, sqlite_path
from geosearch.search.storage.urls import translate_connection_errors
from geosearch.search.study_store import StudyStore, mask
from geosearch.search.worker import Worker

PATIENCE = 10.0  # seconds that those who sign on at a SQLite file at once wait for each other


@contextmanager
def at_work(store: StudyStore, workers: int) -> Iterator[Crew | None]:
    """A search's place: alone in a SQLite file that nobody else works at (None), else among others."""
    with alone(store.url):
        if sqlite_path(store.url) and not workers and not roster(store.study):
            yield None
            return
        crew = Crew.join(store.study, SEARCH)
    with translate_connection_errors(mask(store.url)), crew:
        yield crew


@contextmanager
def joined(store: StudyStore) -> Iterator[Crew]:
    """A worker's place among others.

    Raises:
        StorageError: a search has the SQLite file for itself.
    """
    with alone(store.url, patience=PATIENCE):
        crew = Crew.join(store.study, WORKER)
    with translate_connection_errors(mask(store.url)), crew:
        yield crew


def leave_on_termination() -> None:
    """Let SIGTERM (a cluster that wants its machine back) end a process as Ctrl-C does: its claims are handed back."""

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)


class Helpers:
    """Worker processes on this machine; they end with this one.

    Args:
        count: how many.
        opens: makes the study again in a fresh interpreter, from `arguments`.
        arguments: sent there by pickle.
        search: whose progress tells what they did.
    """

    def __init__(self, count: int, opens: Callable[..., Any], arguments: Mapping[str, Any], search: Search) -> None:
        context = multiprocessing.get_context("spawn")
        call = (opens, dict(arguments))
        self._processes = [context.Process(target=_help, args=call, daemon=True) for _ in range(count)]
        self._search = search
        self._known = {trial.number for trial in search.store.trials()}
        self._gone = 0

    def __len__(self) -> int:
        return len(self._processes)

    def __enter__(self) -> Helpers:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for process in self._processes:
            if kind is not None:
                process.terminate()
            process.join()
        self._tell()

    def look(self) -> None:
        """Tell what was done since the last look.

        Raises:
            GeosearchError: none of them is left.
        """
        self._tell()
        codes = Counter(process.exitcode for process in self._processes if process.exitcode is not None)
        if (gone := codes.total() - codes[0]) > self._gone:
            self._gone = gone
            self._search.progress.event(WorkersCrashed(left=len(self._processes) - codes.total(), ended=gone))
        if self._processes and codes.total() == len(self._processes) and self._search.left() > 0:
            raise GeosearchError(
                f"all {len(self._processes)} workers ended before the budget was spent (exit codes {dict(codes)}); "
                "nothing is lost: mend the cause and run the same command again, with fewer workers if memory ran out"
            )

    def _tell(self) -> None:
        if not self._processes:
            return
        trials = self._search.store.trials()
        fresh = [trial for trial in trials if trial.number not in self._known]
        self._known.update(trial.number for trial in fresh)
        total, done = self._search.options.evaluations, sum(trial.state == "complete" for trial in trials)
        for trial in fresh:
            if trial.error is not None:
                best: float = best_of(trials).error  # type: ignore[assignment]
                event = TrialFinished(trial.number, trial.role, trial.error, done=done, total=total, best=best)
                self._search.progress.event(event)
            elif trial.state == "failed":
                self._search.progress.event(TrialFailed(trial.number, trial.reason))


def search_among(crew: Crew, search: Search, helpers: Helpers) -> None:
    """Spend the budget with others, then finish as soon as nobody else is at it.

    Args:
        crew: where this process is signed on.
        search: the study's search.
        helpers: its workers on this machine, not started yet; if there are none, this process evaluates.
    """
    worker = Worker(search, crew, rest=helpers.look)
    with search.timed("evaluations"), helpers:
        worker.run(evaluate=not len(helpers))
    worker.wait_for_turn()
    search.finish()


def _help(opens: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """What a worker process on this machine runs."""
    exit_with(os.getppid())
    leave_on_termination()
    try:
        opens(**arguments).work()
    except GeosearchError as error:
        sys.exit(f"geosearch: a worker ended: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
