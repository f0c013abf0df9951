"""Every storage of a study keeps the same promises to any number of workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass, replace

import optuna
import pytest
from generators.searches import FakeObjective
from generators.workers import BUDGET, ELSEWHERE, essence, side_by_side, toy_search, work
from optuna.trial import TrialState

from geosearch.mixture.baselines import SEARCHED
from geosearch.search.process import ProcessId
from geosearch.search.queue import MAX_CRASHES
from geosearch.search.storage.urls import Heartbeat, storage_at
from geosearch.search.trial_facts import Claim, attributes_of, keep_fact

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


def complete(search):
    return [trial for trial in search.store.trials() if trial.state == "complete"]


def check_promises(search, in_flight):
    """Baselines first and once; the budget spent, and overshot by no more than the workers in flight."""
    done = complete(search)
    assert BUDGET <= len(done) <= BUDGET + in_flight
    places = Counter((trial.round, trial.index) for trial in done)
    assert set(places.values()) == {1}
    assert Counter(trial.role for trial in done if trial.role != SEARCHED) == Counter(list(search.baselines))
    assert {trial.role: trial.point for trial in done if trial.role != SEARCHED} == search.baselines


def test_workers_spend_the_budget_together(url):
    objectives = [FakeObjective() for _ in range(3)]
    with side_by_side(url, objectives):
        pass
    search = toy_search(url)
    check_promises(search, in_flight=2)
    asked = [point for objective in objectives for point, _ in objective.asked]
    assert len(set(asked)) == len(asked) == len(complete(search))  # no evaluation was paid twice
    assert not search.store.study.get_trials(states=(TrialState.RUNNING,))


def test_one_worker_makes_the_same_study_in_every_storage(url, tmp_path):
    assert essence(work(url)) == essence(work(f"journal:{tmp_path / 'other.journal'}"))


def test_who_leaves_hands_back_and_who_joins_goes_on(url):
    with pytest.raises(KeyboardInterrupt):
        work(url, FakeObjective(die_after=4))
    left = toy_search(url)
    assert not left.store.study.get_trials(states=(TrialState.RUNNING,))
    before = essence(left)
    late = FakeObjective()
    search = work(url, late)
    assert len(late.asked) == BUDGET - 4
    check_promises(search, in_flight=0)
    assert set(before) < set(essence(search))


@dataclass
class Deadly(FakeObjective):
    """Kills its process at the mixture that it is asked for after so many others."""

    def evaluate_many(self, calls, *, jobs=1):
        if len(self.asked) == self.die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate_many(calls, jobs=jobs)


def die(url, after):
    process = multiprocessing.get_context("fork").Process(target=work, args=(url, Deadly(die_after=after)))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("after", [0, 3])
def test_the_trial_of_a_killed_worker_is_evaluated_by_another(url, after):
    if url.startswith("grpc"):
        pytest.skip("the server's threads do not survive a fork")
    die(url, after)
    (running,) = toy_search(url).store.study.get_trials(states=(TrialState.RUNNING,))
    late = FakeObjective()
    search = work(url, late)
    check_promises(search, in_flight=0)
    assert len(late.asked) == BUDGET - after
    again = search.store.space.weights_of(running.params)
    assert again in [point for point, _ in late.asked]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_silent_workers_trial_is_retried_and_its_late_result_refused(kind, tmp_path, postgres, monkeypatch):
    """It is on another machine, as far as the others can see: only Optuna's heartbeats tell of it."""
    url = postgres() if kind == "postgresql" else f"sqlite:///{tmp_path / 'study.db'}"
    other = []

    class Silent(FakeObjective):
        def evaluate_many(self, calls, *, jobs=1):
            if not self.asked:
                _make_silent(url, monkeypatch)
                other.append(work(url))  # meanwhile somebody else spends the budget
            return super().evaluate_many(calls, jobs=jobs)

    silent = Silent()
    search = work(url, silent)
    check_promises(search, in_flight=0)
    assert len(search.store.study.get_trials(states=(TrialState.FAIL,))) == 1
    assert essence(search) == essence(other[0])


def _make_silent(url, monkeypatch):
    """Let the trial that is running look as if its worker, elsewhere, had stopped long ago."""
    from sqlalchemy import create_engine, text

    deadline = time.monotonic() + 20
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    while True:
        with engine.begin() as connection:
            if connection.execute(text("select count(*) from trial_heartbeats")).scalar():
                monkeypatch.setattr(optuna.storages.RDBStorage, "record_heartbeat", lambda *_: None)
                connection.execute(text("update trial_heartbeats set heartbeat = '2020-01-01 00:00:00'"))
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_journal_counts_nobody_of_another_machine_as_being_in_flight(journal):
    search = toy_search(journal)
    search.store.study.enqueue_trial({})
    trial = search.store.study.ask()
    keep_fact(trial, Claim(ELSEWHERE))
    assert [one.number for one in search.store.running()] == [trial.number]
    check_promises(work(journal), in_flight=0)


def test_what_is_running_and_where(url):
    search = toy_search(url)
    assert search.store.running() == ()
    trial = search.store.study.ask()
    keep_fact(trial, Claim(ELSEWHERE))
    (running,) = toy_search(url).store.running()
    assert (running.number, running.host, running.pid) == (trial.number, "elsewhere", 1)
    keep_fact(trial, Claim(replace(ProcessId.here(), started="0")))  # it has ended
    assert toy_search(url).store.running() == ()


def test_baselines_that_two_workers_enqueue_at_once_are_evaluated_once(journal):
    search = toy_search(journal)
    for _ in range(2):
        for number, (role, point) in enumerate(search.baselines.items()):
            facts = attributes_of(search.proposer.proposal(search.options.place(number), role, point))
            search.store.study.enqueue_trial(search.store.space.params_of(point), user_attrs=facts)
    objective = FakeObjective()
    check_promises(work(journal, objective), in_flight=0)
    assert len(objective.asked) == BUDGET


def test_what_kills_its_workers_again_and_again_counts_as_failed(journal):
    for _ in range(2 * MAX_CRASHES - 1):  # two baselines take turns
        die(journal, 0)
    search = work(journal)
    first = search.store.trials()[0]
    assert (first.state, first.reason) == ("failed", "3 workers crashed (out of memory?)")
    assert len(complete(search)) == BUDGET


def test_a_lone_search_shares_what_it_has_left_with_workers(journal):
    lone = toy_search(journal, FakeObjective(die_after=3))
    with pytest.raises(KeyboardInterrupt):
        lone.run()
    lone.store.fail_running(ProcessId.here())  # its process has ended
    late = FakeObjective()
    search = work(journal, late)
    check_promises(search, in_flight=0)
    assert len(complete(search)) + len(late.asked) >= BUDGET


def test_a_search_does_not_go_on_in_rounds_in_a_shared_study(journal):
    search = toy_search(journal)
    search.store.share()
    search.spend()
    assert search.store.trials() == ()


def test_relational_databases_keep_heartbeats(tmp_path):
    storage = storage_at(f"sqlite:///{tmp_path / 'study.db'}", Heartbeat(1, 2))
    assert storage.get_heartbeat_interval() == 1


def test_an_address_without_anything_behind_it_says_so(url):
    assert optuna.get_all_study_names(storage_at(url)) == []
