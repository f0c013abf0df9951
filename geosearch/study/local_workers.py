"""LocalWorkers: worker processes on this machine, and which processes may search a study at the same time."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from geosearch.errors import GeosearchError
from geosearch.runtime.events import TrialFailed, TrialFinished, WorkersCrashed
from geosearch.runtime.parallel import exit_with_parent
from geosearch.search.loop import Search
from geosearch.search.process import ProcessId
from geosearch.search.racing import find_best
from geosearch.search.storage.sqlite import exclusive_access, roll_back, sqlite_path
from geosearch.search.storage.urls import translate_connection_errors
from geosearch.search.study_store import StudyStore, mask
from geosearch.search.worker import Worker

LOCK_TIMEOUT = 10.0  # seconds that workers wait for each other when several start on one SQLite file


@contextmanager
def search_access(store: StudyStore, *, workers: int) -> Iterator[None]:
    """Context of a search, with exclusive access to the study unless it is shared (`StudyStore.is_shared`).

    Args:
        store: the study; it is marked as shared if this search has workers, or another process searches it.
        workers: number of worker processes on this machine.

    Raises:
        StorageError: another search has exclusive access to the SQLite file.
        StudyMismatchError: the study was restarted with other settings since it was opened.
    """
    if workers:
        _share(store)
    with translate_connection_errors(mask(store.url)), ExitStack() as access:
        if sqlite_path(store.url) and not store.is_shared:
            access.enter_context(exclusive_access(store.url))
            if store.is_shared:  # a worker came first
                access.close()
        if not sqlite_path(store.url) or store.is_shared:
            access.enter_context(_announce_search(store))
        store.verify_settings()
        yield


@contextmanager
def _announce_search(store: StudyStore) -> Iterator[None]:
    """Record this process as the searching one, where no file lock tells."""
    if _searched_by_another(store) or store.running():
        store.share()
    store.update(searching=ProcessId.here())
    try:
        yield
    except BaseException:
        roll_back(store.storage)  # or what follows waits for the lock of an interrupted transaction
        raise
    finally:
        if not _searched_by_another(store):
            store.update(searching=None)


def share_if_joined(store: StudyStore) -> None:
    """Mark the study as shared if another search has started since."""
    if not store.is_shared and _searched_by_another(store):
        store.share()


@contextmanager
def worker_access(store: StudyStore) -> Iterator[None]:
    """Context of a worker; marks the study as shared.

    Raises:
        StorageError: a search has exclusive access to the SQLite file.
        StudyMismatchError: the study was restarted with other settings since it was opened.
    """
    _share(store)
    with translate_connection_errors(mask(store.url)):
        yield


def _share(store: StudyStore) -> None:
    with nullcontext() if store.is_shared else exclusive_access(store.url, timeout=LOCK_TIMEOUT):
        store.verify_settings()
        if sqlite_path(store.url) and not store.is_shared:
            store.fail_running()  # nobody searches: what is running was left by a search that was killed
        store.share()


def _searched_by_another(store: StudyStore) -> bool:
    other = store.record.searching
    return other is not None and other != ProcessId.here() and not other.has_ended


def leave_on_termination() -> None:
    """Handle SIGTERM, which schedulers send, like Ctrl-C, so that the running trial is enqueued again."""

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)


class LocalWorkers:
    """Worker processes on this machine; they end when this process ends.

    Args:
        count: how many.
        opens: opens the study in a worker process, with `arguments`.
        arguments: of `opens`; they are pickled.
        search: its progress reports the trials of the workers.
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
        self._report_trials()

    def poll(self) -> None:
        """Report the trials that ended since the last call, and crashed workers.

        Raises:
            GeosearchError: no worker is left.
        """
        self._report_trials()
        codes = Counter(process.exitcode for process in self._processes if process.exitcode is not None)
        if (gone := codes.total() - codes[0]) > self._gone:
            self._gone = gone
            self._search.progress.event(WorkersCrashed(left=len(self._processes) - codes.total(), ended=gone))
        if self._processes and codes.total() == len(self._processes) and self._search.left() > 0:
            raise GeosearchError(
                f"all {len(self._processes)} workers ended before the budget was spent (exit codes {dict(codes)}); "
                "nothing is lost: fix the error and run the same command again, with fewer workers if memory ran out"
            )

    def _report_trials(self) -> None:
        if not self._processes:
            return
        trials = self._search.store.trials()
        fresh = [trial for trial in trials if trial.number not in self._known]
        self._known.update(trial.number for trial in fresh)
        total, done = self._search.options.evaluations, sum(trial.state == "complete" for trial in trials)
        for trial in fresh:
            if trial.error is not None:
                best: float = find_best(trials).error  # type: ignore[assignment]
                event = TrialFinished(trial.number, trial.role, trial.error, done=done, total=total, best=best)
                self._search.progress.event(event)
            elif trial.state == "failed":
                self._search.progress.event(TrialFailed(trial.number, trial.reason))


def search_shared(search: Search, workers: LocalWorkers) -> None:
    """Spend the budget together with other processes, and wait until no trial is running.

    Args:
        search: the study's search.
        workers: worker processes on this machine, not started yet; without any, this process evaluates.
    """
    search.store.fail_running(ProcessId.here())  # trials of an interrupted search in this process
    worker = Worker(search, on_pause=workers.poll)
    with search.measure_stage("evaluations"), workers:
        if not len(workers):
            worker.run()
        worker.wait()


def _help(opens: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """The main function of a worker process."""
    parent: Any = multiprocessing.parent_process()
    exit_with_parent(parent.pid)  # os.getppid() is another one by now if it was killed meanwhile
    leave_on_termination()
    try:
        opens(**arguments).work()
    except GeosearchError as error:
        sys.exit(f"geosearch: a worker stopped: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
