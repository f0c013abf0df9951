"""Listeners of a run, and the interrupt that must not get lost."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
from contextlib import suppress

import pytest

from geosearch.runtime.events import StageStarted, TrialFailed, TrialFinished, TrialRepeated
from geosearch.runtime.progress import Interruptible, JsonLines, Live, Log

STAGE = StageStarted("search")
TRIAL = TrialFinished(trial=3, role="proposal", error=float("nan"), done=4, total=10, best=0.25)


def test_an_interrupt_that_was_swallowed_ends_the_run_at_the_next_event():
    before = signal.getsignal(signal.SIGINT)
    with Interruptible(Log()) as progress:
        progress.event(STAGE)
        with suppress(KeyboardInterrupt):  # as Python does when it is raised inside a destructor
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            progress.event(STAGE)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_log_has_a_sentence_per_event_and_a_level_per_kind(caplog):
    caplog.set_level(logging.INFO, "geosearch")
    for event in (STAGE, TRIAL, TrialRepeated(4, "repeats trial 2"), TrialFailed(5, "the loss became nan")):
        Log().event(event)
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "INFO", "WARNING"]
    assert caplog.messages[1] == "trial 3 (proposal): squared error nan, best 0.2500 [4 of 10]"
    assert caplog.messages[3] == "trial 5 failed: the loss became nan"
    assert caplog.records[1].event is TRIAL


def test_nothing_is_printed_unless_a_program_asks_for_the_log(capfd):
    Log().event(TrialFailed(5, "the loss became nan"))
    assert capfd.readouterr() == ("", "")


def test_json_lines_are_the_event_and_its_fields():
    out = io.StringIO()
    JsonLines(out).event(TRIAL)
    line = json.loads(out.getvalue())
    assert line.pop("seconds") >= 0
    assert line == {
        "event": "trial",
        "trial": 3,
        "role": "proposal",
        "error": None,
        "done": 4,
        "total": 10,
        "best": 0.25,
    }


def test_a_bar_shows_what_is_counted_and_the_log_the_rest(caplog, capfd):
    caplog.set_level(logging.INFO, "geosearch")
    with Live() as live:
        live.event(STAGE)
        live.event(TRIAL)
        print("a result")
    assert caplog.messages == ["stage: search"]
    shown = capfd.readouterr()
    assert "best squared error 0.2500" in shown.err
    assert shown.out == "a result\n"
