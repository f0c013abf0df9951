"""One study by several processes: who may be alone, who joins, and the same numbers either way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import sqlalchemy
from generators.crews import BUDGET, essence, toy_search
from generators.studies import tiny, tiny_file, write_toml
from optuna.trial import TrialState

from geosearch.cli.main import main
from geosearch.errors import GeosearchError, StorageError
from geosearch.report.status import status_text
from geosearch.runtime.cache import Cache
from geosearch.search.board import Board
from geosearch.search.crew import SEARCH, roster
from geosearch.search.storage.sqlite import alone
from geosearch.search.worker import Worker
from geosearch.study.local_workers import Helpers, at_work, joined, search_among
from geosearch.study.study import Study


def test_a_search_is_alone_in_a_sqlite_file_until_somebody_joins(tmp_path, monkeypatch):
    monkeypatch.setattr("geosearch.study.local_workers.PATIENCE", 0.05)
    store = toy_search(f"sqlite:///{tmp_path / 'study.db'}").store
    with at_work(store, workers=0) as crew:
        assert crew is None
        with pytest.raises(StorageError, match="by itself"), joined(store):
            pass
    with joined(store), at_work(store, workers=0) as crew:
        assert crew is not None
    with at_work(store, workers=2) as crew, joined(store):
        assert crew.leads(SEARCH)


def test_status_tells_who_is_at_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study.open(tiny_file(tmp_path), storage=f"journal:{tmp_path / 'study.journal'}")
    with joined(study.store):
        assert f"at work   worker on {socket.gethostname()}, process {os.getpid()}" in status_text(study.summary())
        assert [member["trials"] for member in study.status()["workers"]] == [()]
    assert "at work" not in status_text(study.summary())


def test_in_a_journal_nobody_is_alone(tmp_path):
    store = toy_search(f"journal:{tmp_path / 'study.journal'}").store
    with alone(store.url), at_work(store, workers=0) as crew:
        assert crew is not None


def test_a_search_among_others_ends_as_a_lone_one(tmp_path):
    lone = toy_search(f"sqlite:///{tmp_path / 'lone.db'}")
    lone.run()
    search = toy_search(f"journal:{tmp_path / 'study.journal'}")
    with at_work(search.store, workers=0) as crew:
        search_among(crew, search, Helpers(0, Study.open, {}, search))
    assert essence(search) == essence(lone)
    assert [t.long_error for t in search.store.trials()] == [t.long_error for t in lone.store.trials()]
    assert search.left() == 0
    assert len(essence(search)) == BUDGET


def test_a_database_that_goes_away_in_mid_work_ends_it_with_a_sentence(tmp_path):
    store = toy_search(f"journal:{tmp_path / 'study.journal'}").store
    gone = sqlalchemy.exc.OperationalError("select 1", {}, Exception("server closed the connection"))
    with (
        pytest.raises(StorageError, match=r"lost journal:.*: server closed the connection; what was told"),
        joined(store),
    ):
        raise gone


def test_a_worker_that_is_interrupted_within_a_transaction_does_not_wait_for_its_own_lock(tmp_path):
    search = toy_search(f"sqlite:///{tmp_path / 'study.db'}")
    engine = search.store.study._storage._backend.engine
    left_open = engine.connect()  # as an interrupt leaves it that comes while a session closes

    def rest() -> None:
        left_open.exec_driver_sql("DELETE FROM study_user_attributes")
        raise KeyboardInterrupt

    def work() -> None:
        with joined(search.store) as crew:
            board = Board(search, crew)
            assert board.publish()
            assert board.claim(1)
            Worker(search, crew, rest).run(evaluate=False)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - start < 60  # SQLite's patience with a lock is 300 seconds
    again = toy_search(search.store.url)
    assert again.store.get_meta("geosearch")
    assert not again.store.study.get_trials(states=(TrialState.RUNNING,))
    assert not roster(again.store.study)


def never(**_: object) -> Study:
    raise GeosearchError("no machine")


@pytest.mark.slow
def test_workers_that_all_end_early_end_the_search_with_their_codes(tmp_path):
    search = toy_search(f"journal:{tmp_path / 'study.journal'}")
    with (
        pytest.raises(GeosearchError, match=r"all 1 workers ended .*exit codes \{1: 1\}"),
        at_work(search.store, workers=1) as crew,
    ):
        search_among(crew, search, Helpers(1, never, {}, search))


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
def test_workers_of_this_machine_and_others_make_the_study_of_one_process(tmp_path):
    """A lone search; a search with two workers; a search that a third joins and another leaves by SIGTERM."""
    write_toml(tmp_path / "tiny.toml", tiny(tmp_path))
    urls = [
        f"sqlite:///{tmp_path / 'lone.db'}",
        f"sqlite:///{tmp_path / 'two.db'}",
        f"journal:{tmp_path / 'any.journal'}",
    ]
    for url, extra in zip(urls[:2], ([], ["--workers", "2"]), strict=True):
        child = run(tmp_path, "search", "tiny.toml", "--storage", url, "--json", *extra)
        assert child.wait() == 0, child.stderr.read()
    helpers = [run(tmp_path, "worker", "tiny.toml", "--storage", urls[2]) for _ in range(2)]
    search = run(tmp_path, "search", "tiny.toml", "--storage", urls[2], "--json")
    time.sleep(8)
    helpers[0].send_signal(signal.SIGTERM)
    assert search.wait() == 0, search.stderr.read()
    assert helpers[1].wait() == 0, helpers[1].stderr.read()
    assert helpers[0].wait() in (0, 130, -signal.SIGTERM)
    lone, two, many = (results(tmp_path, url) for url in urls)
    assert lone == two == many
