"""Voices of a run, and the interrupt that must not get lost."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from geosearch.runtime.progress import Interruptible, Sentences, Silent


def test_an_interrupt_that_was_swallowed_ends_the_run_at_the_next_event():
    before = signal.getsignal(signal.SIGINT)
    with Interruptible(Silent()) as progress:
        progress.event("trial")
        with suppress(KeyboardInterrupt):  # as Python does when it is raised inside a destructor
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            progress.event("trial")
    assert signal.getsignal(signal.SIGINT) is before


def test_sentences_say_how_and_nothing_else(capsys):
    Sentences().event("trial", trial=3)
    Sentences().event("synthesis", how="40 images from 40 of the 40 reference images")
    assert capsys.readouterr().err == "40 images from 40 of the 40 reference images\n"
