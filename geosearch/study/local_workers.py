"""LocalWorkers: worker processes of this machine; and whether a search has its study to itself."""

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
from geosearch.runtime.parallel import exit_with_parent
from geosearch.search.loop import Search
from geosearch.search.process import ProcessId
from geosearch.search.racing import best_of
from geosearch.search.storage.sqlite import alone, sqlite_path
from geosearch.search.storage.urls import translate_connection_errors
from geosearch.search.study_store import StudyStore, mask
from geosearch.search.worker import Worker

PATIENCE = 10.0  # seconds that workers which start at a SQLite file at once wait for each other


@contextmanager
def searching(store: StudyStore, *, workers: int) -> Iterator[None]:
    """A search's place: it has the study to itself, unless the study is shared (`StudyStore.is_shared`).

    Args:
        store: the study; it becomes a shared one if this search has workers, or another process is at it.
        workers: processes on this machine that shall evaluate.

    Raises:
        StorageError: another search has the SQLite file to itself.
    """
    if workers:
        _share(store, patience=0.0)
    with translate_connection_errors(mask(store.url)):
        if not sqlite_path(store.url):
            with _announced(store):
                yield
        elif store.is_shared:
            yield
        else:
            with alone(store.url):
                yield


@contextmanager
def _announced(store: StudyStore) -> Iterator[None]:
    """Let other searches of the study know of this one, where no lock on a file keeps them out."""
    if _searched_by_another(store) or store.running():
        store.share()
    store.update(searching=ProcessId.here())
    try:
        yield
    finally:
        if not _searched_by_another(store):
            store.update(searching=None)


def share_if_joined(store: StudyStore) -> None:
    """Share the study if another search has begun since this one did."""
    if not store.is_shared and _searched_by_another(store):
        store.share()


@contextmanager
def helping(store: StudyStore) -> Iterator[None]:
    """A worker's place among others.

    Raises:
        StorageError: a search has the SQLite file to itself.
    """
    _share(store, patience=PATIENCE)
    with translate_connection_errors(mask(store.url)):
        yield


def _share(store: StudyStore, patience: float) -> None:
    with alone(store.url, patience=patience):
        store.share()


def _searched_by_another(store: StudyStore) -> bool:
    other = store.record.searching
    return other is not None and other != ProcessId.here() and not other.has_ended


def leave_on_termination() -> None:
    """Let SIGTERM (a cluster that wants its machine back) end a process as Ctrl-C does: its trial is handed back."""

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)


class LocalWorkers:
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

    def __enter__(self) -> LocalWorkers:
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
                "nothing is lost: fix the error and run the same command again, with fewer workers if memory ran out"
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


def search_shared(search: Search, helpers: LocalWorkers) -> None:
    """Spend the budget together with other processes, and wait until nobody is evaluating any more.

    Args:
        search: the study's search.
        helpers: its workers on this machine, not started yet; if there are none, this process evaluates.
    """
    search.store.reap(ProcessId.here())  # what an earlier search of this process left when it was interrupted
    worker = Worker(search, rest=helpers.look)
    with search.timed("evaluations"), helpers:
        if not len(helpers):
            worker.run()
        worker.wait()


def _help(opens: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """What a worker process on this machine runs."""
    exit_with_parent(os.getppid())
    leave_on_termination()
    try:
        opens(**arguments).work()
    except GeosearchError as error:
        sys.exit(f"geosearch: a worker ended: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
