"""Who is at work: whoever's heart beats, by the observer's clock; who is gone from this machine is seen at once."""

from __future__ import annotations

import subprocess
import sys
import time

import optuna
import pytest
from optuna.trial import TrialState

from geosearch.search.crew import SEARCH, Crew, Pulse, Watch, gone, roster, whereabouts

SLOW = Pulse(interval=30, grace=60)


@pytest.fixture
def study():
    return optuna.create_study(study_name="toy", storage=optuna.storages.InMemoryStorage())


def test_the_first_to_sign_on_leads_and_the_next_when_it_leaves(study):
    first, second = Crew.join(study, pulse=SLOW), Crew.join(study, SEARCH, pulse=Pulse(interval=0.02, grace=60))
    with second:
        with first:
            assert first.leads()
            assert not second.leads()
            assert second.leads(SEARCH)
        time.sleep(0.05)
        assert second.leads()
    assert not roster(study)


def test_who_leaves_by_an_error_is_off_the_list(study):
    crew = Crew.join(study, pulse=SLOW)
    assert len(roster(study)) == 1
    with pytest.raises(KeyboardInterrupt), crew:
        raise KeyboardInterrupt
    assert not roster(study)


def test_a_heart_that_stands_still_is_struck_off_and_one_that_beats_is_not(study):
    quick = Pulse(interval=0.05, grace=0.4)
    observer, silent = Crew.join(study, pulse=quick), Crew.join(study, pulse=quick)
    with Crew.join(study, pulse=quick) as beating:
        for _ in range(8):
            alive = {card.number for card in observer.living()}
            time.sleep(0.1)
    assert alive == {observer.number, beating.number}
    states = {card.number: card.state for card in silent._study.get_trials()}
    assert states[silent.number] == TrialState.FAIL


def test_a_process_of_this_machine_that_ended_is_gone_and_this_one_is_not():
    if not whereabouts()["started"]:
        pytest.skip("no /proc here: deaths are told by heartbeats alone")
    assert not gone(whereabouts())
    assert not gone({**whereabouts(), "host": "elsewhere", "pid": 1, "started": "0"})
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    assert gone({**whereabouts(), "pid": int(child.stdout)})
    assert gone({**whereabouts(), "started": "0"})  # the number was given to another process


def test_a_watch_starts_anew_when_what_it_watches_moves():
    watch = Watch()
    watch.still("a", 1)
    time.sleep(0.02)
    assert watch.still("a", 1) >= 0.02
    assert watch.still("a", 2) < 0.02
    assert watch.still("b", 1) < 0.02


def test_the_list_is_no_study_that_a_file_could_name(study):
    Crew.join(study, pulse=SLOW)
    assert optuna.get_all_study_names(study._storage) == ["toy", "toy/workers"]
