"""One study by several processes: who may be alone, who joins, and what each of them does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy
from generators.searches import FakeObjective
from generators.studies import tiny, tiny_file, write_toml
from generators.workers import BUDGET, ELSEWHERE, essence, toy_search
from optuna.trial import TrialState

from geosearch.cli.main import main
from geosearch.errors import GeosearchError, StorageError, StudyMismatchError
from geosearch.report.status import status_text
from geosearch.runtime.cache import Cache
from geosearch.search.process import ProcessId
from geosearch.search.space import Space
from geosearch.search.storage.sqlite import exclusive_access
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import Claim, keep_fact
from geosearch.search.worker import Worker
from geosearch.study.local_workers import LocalWorkers, search_access, search_shared, share_if_joined, worker_access
from geosearch.study.study import Study


def test_a_search_is_alone_in_a_sqlite_file_until_somebody_joins(tmp_path, monkeypatch):
    monkeypatch.setattr("geosearch.study.local_workers.LOCK_TIMEOUT", 0.05)
    store = toy_search(f"sqlite:///{tmp_path / 'study.db'}").store
    with search_access(store, workers=0):
        assert not store.is_shared
        with pytest.raises(StorageError, match="by itself"), worker_access(store):
            pass
        with pytest.raises(StorageError, match="by itself"), search_access(store, workers=2):
            pass
    with worker_access(store), search_access(store, workers=0):
        assert store.is_shared


def restarted(search):
    """The database of a search is opened with other settings before it begins."""
    StudyStore.open(search.store.url, "toy", {"study.seed": 1}, Space(3))
    return search.store


@pytest.mark.parametrize("address", ["sqlite:///{}/study.db", "journal:{}/study.journal"])
@pytest.mark.parametrize(
    "access", [worker_access, partial(search_access, workers=0), partial(search_access, workers=2)]
)
def test_who_prepared_a_study_that_was_restarted_with_other_settings_does_not_join(tmp_path, address, access):
    store = restarted(toy_search(address.format(tmp_path)))
    with pytest.raises(StudyMismatchError, match=r"study\.seed: 1 in the study, 0 now"), access(store):
        pass
    assert not store.is_shared
    store.share()
    with pytest.raises(StudyMismatchError), access(store):
        pass


def test_workers_retry_what_a_killed_search_left_though_nothing_tells_that_it_ended(tmp_path, monkeypatch):
    search = toy_search(f"sqlite:///{tmp_path / 'study.db'}", FakeObjective(die_after=0))
    with monkeypatch.context() as context:
        context.setattr(ProcessId, "here", lambda: ELSEWHERE)
        with pytest.raises(KeyboardInterrupt):
            search.run()
    assert search.store.running()
    search = toy_search(search.store.url)
    with worker_access(search.store):
        assert not search.store.running()
        Worker(search).run()
    assert {trial.role for trial in search.store.trials()} >= set(search.baselines)


def test_a_search_with_workers_and_a_worker_may_start_at_once(tmp_path):
    store = toy_search(f"sqlite:///{tmp_path / 'study.db'}").store

    def start():
        with search_access(store, workers=4):
            pass

    with exclusive_access(store.url):  # of a worker, for the moment in which it shares the study
        starting = threading.Thread(target=start)
        starting.start()
        starting.join(0.2)
    starting.join(60)
    assert store.is_shared
    with exclusive_access(store.url), worker_access(store), search_access(store, workers=4):
        pass  # a shared study needs no lock


def test_a_search_that_a_worker_joined_before_it_had_the_lock_does_not_keep_it(tmp_path, monkeypatch):
    store = toy_search(f"sqlite:///{tmp_path / 'study.db'}").store

    @contextmanager
    def late(url):
        toy_search(url).store.share()
        with exclusive_access(url):
            yield

    monkeypatch.setattr("geosearch.study.local_workers.exclusive_access", late)
    with search_access(store, workers=0), exclusive_access(store.url):
        assert store.record.searching == ProcessId.here()


def test_a_search_with_workers_lets_others_join(tmp_path):
    store = toy_search(f"sqlite:///{tmp_path / 'study.db'}").store
    with search_access(store, workers=2), worker_access(store):
        assert store.is_shared


def test_where_no_file_lock_keeps_others_out_a_search_shares_once_there_is_another(tmp_path):
    url = f"journal:{tmp_path / 'study.journal'}"
    store = toy_search(url).store
    with exclusive_access(store.url), search_access(store, workers=0):
        share_if_joined(store)
        assert not store.is_shared
    store.update(searching=replace(ProcessId.here(), started="0"))  # it was killed
    with search_access(store, workers=0):
        assert not store.is_shared
        store.update(searching=ELSEWHERE)  # another one begins
        share_if_joined(store)
        assert store.is_shared
    other = toy_search(f"journal:{tmp_path / 'other.journal'}").store
    trial = other.study.ask()
    keep_fact(trial, Claim(ELSEWHERE))
    with search_access(other, workers=0):
        assert other.is_shared


def test_status_tells_what_is_running_and_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study.open(tiny_file(tmp_path), storage=f"journal:{tmp_path / 'study.journal'}")
    trial = study.store.study.ask()
    keep_fact(trial, Claim(ProcessId.here()))
    assert f"running   trial 0 on {socket.gethostname()}, process {os.getpid()}" in status_text(study.summary())
    assert study.status()["running"] == [{"number": 0, "host": socket.gethostname(), "pid": os.getpid()}]
    study.store.study.tell(trial, state=TrialState.FAIL)
    assert "running" not in status_text(study.summary())


def test_a_lone_search_in_a_journal_is_that_in_a_sqlite_file(tmp_path):
    lone = toy_search(f"sqlite:///{tmp_path / 'lone.db'}")
    lone.run()
    search = toy_search(f"journal:{tmp_path / 'study.journal'}")
    with search_access(search.store, workers=0):
        search.run()
    assert essence(search) == essence(lone)
    assert [t.long_error for t in search.store.trials()] == [t.long_error for t in lone.store.trials()]


def test_a_search_that_is_joined_goes_on_as_one_of_several(tmp_path):
    url = f"journal:{tmp_path / 'study.journal'}"

    class Joined(FakeObjective):
        def evaluate_many(self, calls, *, jobs=1):
            if not self.asked:
                toy_search(url).store.share()  # as a worker does that starts
            return super().evaluate_many(calls, jobs=jobs)

    search = toy_search(url, Joined())
    with search_access(search.store, workers=0):
        search.spend()
        assert 0 < search.left() < BUDGET
        search_shared(search, LocalWorkers(0, Study.open, {}, search))
        search.finish()
    assert search.left() == 0
    assert len(essence(search)) == BUDGET
    assert any(trial.long_error is not None for trial in search.store.trials())


def test_a_search_waits_for_the_trials_in_flight_before_it_finishes(tmp_path):
    search = toy_search(f"journal:{tmp_path / 'study.journal'}")
    Worker(search).run()
    trial = search.store.study.ask()
    keep_fact(trial, Claim(ProcessId.here()))
    waiting = threading.Thread(target=Worker(toy_search(search.store.url)).wait, daemon=True)
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    search.store.study.tell(trial, state=TrialState.FAIL)
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_database_that_goes_away_in_mid_work_ends_it_with_a_sentence(tmp_path):
    store = toy_search(f"journal:{tmp_path / 'study.journal'}").store
    gone = sqlalchemy.exc.OperationalError("select 1", {}, Exception("server closed the connection"))
    with (
        pytest.raises(StorageError, match=r"lost journal:.*: server closed the connection; results so far are stored"),
        worker_access(store),
    ):
        raise gone


def test_a_worker_that_is_interrupted_within_a_transaction_does_not_wait_for_its_own_lock(tmp_path):
    class Interrupted(FakeObjective):
        def evaluate_many(self, calls, *, jobs=1):
            left_open = worker.search.store.storage.engine.connect()  # as an interrupt leaves it while a session closes
            left_open.exec_driver_sql("DELETE FROM study_user_attributes")
            raise KeyboardInterrupt

    search = toy_search(f"sqlite:///{tmp_path / 'study.db'}", Interrupted())
    worker = Worker(search)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), worker_access(search.store):
        worker.run()
    assert time.monotonic() - start < 60  # SQLite's patience with a lock is 300 seconds
    again = toy_search(search.store.url)
    assert again.store.record.fingerprint
    assert not again.store.study.get_trials(states=(TrialState.RUNNING,))
    assert len(again.store.study.get_trials(states=(TrialState.WAITING,))) == len(search.baselines)


def test_a_search_that_is_interrupted_within_a_transaction_does_not_wait_for_its_own_lock(tmp_path):
    store = toy_search(f"sqlite:///{tmp_path / 'study.db'}").store

    def interrupted():
        left_open = store.storage.engine.connect()
        left_open.exec_driver_sql("DELETE FROM study_user_attributes")
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), search_access(store, workers=2):
        interrupted()
    assert time.monotonic() - start < 60
    assert store.record.searching is None
    assert store.record.fingerprint


def never(**_: object) -> Study:
    raise GeosearchError("no machine")


@pytest.mark.slow
def test_workers_that_all_end_early_end_the_search_with_their_codes(tmp_path):
    search = toy_search(f"journal:{tmp_path / 'study.journal'}")
    with (
        pytest.raises(GeosearchError, match=r"all 1 workers ended .*exit codes \{1: 1\}"),
        search_access(search.store, workers=1),
    ):
        search_shared(search, LocalWorkers(1, never, {}, search))


@pytest.mark.slow
def test_a_worker_ends_though_its_search_was_killed_while_it_still_imported():
    search = (
        "import functools, multiprocessing, os, signal, time\n"
        "from geosearch.study.local_workers import _help\n"
        "opens = functools.partial(time.sleep, 300)\n"
        "multiprocessing.get_context('spawn').Process(target=_help, args=(opens, {}), daemon=True).start()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", search], stdout=subprocess.PIPE
    )  # returns when the worker's end is closed, too
    assert time.monotonic() - start < 90


def test_a_worker_needs_a_study_that_was_begun(tmp_path, capsys):
    assert main(["worker", f"journal:{tmp_path / 'none.journal'}"]) == 2
    assert "there is no database" in capsys.readouterr().err


def run(folder, *arguments):
    environment = {**os.environ, "GEOSEARCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "geosearch.cli.main", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def results(folder, storage):
    study = Study.open(tiny_file(folder), storage=storage, cache=Cache(folder / "cache"))
    found = [(t.round, t.index, t.weights, t.concentration, t.state, t.error, t.long_error) for t in study.trials]
    return found, [(row.name, row.top1_errors) for row in study.confirmation.rows] if study.confirmation else None


@pytest.mark.slow
def test_workers_of_this_machine_and_others_spend_the_budget_of_a_real_study(tmp_path):
    """A lone search, twice; a search with two workers; one that a third joins and another leaves by SIGTERM."""
    write_toml(tmp_path / "tiny.toml", tiny(tmp_path))
    urls = [
        f"sqlite:///{tmp_path / 'lone.db'}",
        f"journal:{tmp_path / 'lone.journal'}",
        f"sqlite:///{tmp_path / 'two.db'}",
        f"journal:{tmp_path / 'any.journal'}",
    ]
    for url, extra in zip(urls[:3], ([], [], ["--workers", "2"]), strict=True):
        child = run(tmp_path, "search", "tiny.toml", "--storage", url, "--json", *extra)
        assert child.wait() == 0, child.stderr.read()
    helpers = [run(tmp_path, "worker", "tiny.toml", "--storage", urls[3]) for _ in range(2)]
    search = run(tmp_path, "search", "tiny.toml", "--storage", urls[3], "--json")
    time.sleep(8)
    helpers[0].send_signal(signal.SIGTERM)
    assert search.wait() == 0, search.stderr.read()
    assert helpers[1].wait() == 0, helpers[1].stderr.read()
    assert helpers[0].wait() in (0, 130, 143, -signal.SIGTERM)
    lone, journal, *shared = (results(tmp_path, url) for url in urls)
    assert lone == journal
    budget = tiny_file(tmp_path).search.evaluations
    baselines = {row[2:6] for row in lone[0][:4]}
    for trials, confirmation in shared:
        done = [row for row in trials if row[5] is not None]
        assert budget <= len(done) <= budget + 2
        assert len({row[:2] for row in done}) == len(done)
        assert baselines <= {row[2:6] for row in done}
        assert confirmation
