"""Every storage of a study keeps the same promises to any number of workers."""

from __future__ import annotations

import socket
import threading
import time
from itertools import count

import optuna
import pytest
from generators.crews import BUDGET, ELSEWHERE, beside, essence, silent_member, toy_search, work
from generators.searches import FakeObjective
from optuna.trial import TrialState

from geosearch.search.board import LOSSES, Board, members
from geosearch.search.storage.urls import storage_at

STORAGES = ("sqlite", "journal", "postgresql", "grpc")


@pytest.fixture(params=STORAGES)
def url(request, tmp_path, postgres):
    """An address with nothing behind it yet."""
    if request.param == "postgresql":
        return postgres()
    if request.param == "journal":
        return f"journal:{tmp_path / 'study.journal'}"
    if request.param == "grpc":
        return request.getfixturevalue("proxy")
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def journal(tmp_path):
    """The quickest storage, for what does not depend on the storage."""
    return f"journal:{tmp_path / 'study.journal'}"


@pytest.fixture
def proxy(tmp_path):
    """Optuna's gRPC proxy in front of a SQLite file."""
    pytest.importorskip("grpc", reason="no grpcio; pip install 'geosearch[grpc]'")
    from optuna.storages._grpc.server import make_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = make_server(storage_at(f"sqlite:///{tmp_path / 'behind.db'}"), "127.0.0.1", port)
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(None)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The study as a lone search makes it."""
    search = toy_search(f"sqlite:///{tmp_path_factory.mktemp('alone') / 'study.db'}")
    search.run()
    return essence(search)


def places(search, *states):
    trials = search.store.study.get_trials(states=states or None)
    return [tuple(trial.user_attrs["proposal"][key] for key in ("round", "index")) for trial in trials]


def test_two_workers_make_the_study_of_one(url, alone):
    objectives = [FakeObjective() for _ in range(2)]
    with beside(url, objectives):
        pass
    search = toy_search(url)
    assert essence(search) == alone
    assert sum(len(objective.asked) for objective in objectives) == BUDGET
    assert len(set(places(search))) == len(places(search)) == len(alone)


def test_who_leaves_hands_back_and_who_joins_goes_on(url, alone):
    with pytest.raises(KeyboardInterrupt):
        work(url, FakeObjective(die_after=4))
    assert not toy_search(url).store.study.get_trials(states=(TrialState.RUNNING,))
    late = FakeObjective()
    search = work(url, late)
    assert essence(search) == alone
    assert len(late.asked) == BUDGET - 4


def test_a_silent_workers_trial_is_retried_and_its_late_result_refused(url, alone):
    dead = toy_search(url)
    crew = silent_member(dead)
    board = Board(dead, crew)
    assert board.publish() == 3
    claimed = board.claim(2)
    assert len(claimed) == 2
    search = work(url)
    assert essence(search) == alone
    assert len(places(search, TrialState.FAIL)) == 2
    with pytest.raises((optuna.exceptions.UpdateFinishedTrialError, ValueError)):
        dead.evaluate(claimed)
    assert essence(toy_search(url)) == alone


def test_one_proposal_is_claimed_by_one_worker(url):
    first = toy_search(url)
    Board(first, silent_member(first)).publish()
    claims, start = [], threading.Barrier(3)

    def claim():
        search = toy_search(url)
        board = Board(search, silent_member(search))
        start.wait()
        claims.append([trial.number for trial, _ in board.claim(2)])

    threads = [threading.Thread(target=claim) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for numbers in claims for number in numbers) == [0, 1, 2]


def test_who_is_at_work_and_on_what(url):
    search = toy_search(url)
    assert members(search.store.study) == ()
    first, second = silent_member(search), silent_member(search)
    Board(search, first).publish()
    claimed = Board(search, second).claim(2)
    idle, busy = members(search.store.study)
    assert (idle.role, idle.host, idle.pid, idle.trials) == ("worker", ELSEWHERE["host"], ELSEWHERE["pid"], ())
    assert busy.trials == tuple(trial.number for trial, _ in claimed)


def test_a_leader_that_dies_between_two_pins_changes_nothing(journal, alone, monkeypatch):
    search = toy_search(journal)
    pinned, real = count(1), optuna.Study.add_trial

    def add_trial(study, trial):
        if study._storage is search.store.study._storage and next(pinned) == 2:
            raise KeyboardInterrupt
        real(study, trial)

    crew = silent_member(search)
    monkeypatch.setattr(optuna.Study, "add_trial", add_trial)
    with pytest.raises(KeyboardInterrupt):
        Board(search, crew).publish()
    monkeypatch.undo()
    assert len(search.store.live()) == 1
    assert Board(search, crew).claim(4) == []  # the round is not whole
    assert essence(work(journal)) == alone


def test_what_kills_its_workers_again_and_again_counts_as_failed(journal):
    search = toy_search(journal)
    for _ in range(LOSSES):
        crew = silent_member(search)
        board = Board(search, crew)
        board.publish()
        assert board.claim(1)[0][0].user_attrs["proposal"]["index"] == 0
        observer = Board(search, silent_member(search))
        while not observer.reap():
            time.sleep(0.05)
    first = search.store.trials()[0]
    assert (first.state, first.reason) == ("failed", "3 workers crashed (out of memory?)")


def test_an_address_without_anything_behind_it_says_so(url):
    assert optuna.get_all_study_names(storage_at(url)) == []
