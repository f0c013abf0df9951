"""Kill a running study, run the same command again: nothing is lost, repeated, or different."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from generators.studies import tiny, write_toml

from geosearch.cache import Cache
from geosearch.pipeline import Study


def command(path, cache):
    environment = {**os.environ, "GEOSEARCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "geosearch.cli", "search", path.name, "--json"],
        cwd=path.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,  # what is written here fits into a pipe's buffer
    )


def kill_at(path, cache, seconds: float) -> int:
    """Start the study and kill it after a time; the exit code (0 if it was done before)."""
    child = command(path, cache)
    try:
        child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
    return child.returncode


def kill_after(path, cache, events: int, how: signal.Signals, pause: float) -> int:
    """Start the study and kill it some time after its n-th event; the exit code."""
    child = command(path, cache)
    for _ in range(events):
        child.stdout.readline()
    time.sleep(pause)
    child.send_signal(how)
    child.communicate()
    return child.returncode


def essence(folder, name="tiny"):
    study = Study.open(str(folder / "studies" / f"{name}.db"), cache=Cache(folder / "cache"))
    return [
        (t.round, t.index, t.role, t.weights, t.concentration, t.pairing, t.state, t.error, t.long_error)
        for t in study.trials
    ], study.best.point


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    path = write_toml(folder / "tiny.toml", tiny(folder))
    child = command(path, folder / "cache")
    out, error = child.communicate()
    assert child.returncode == 0, error
    return folder, out


@pytest.mark.parametrize(
    ("events", "how", "code"),
    [
        (9, signal.SIGKILL, -signal.SIGKILL),
        (14, signal.SIGINT, 130),
    ],
)
def test_a_killed_study_ends_like_an_uninterrupted_one(uninterrupted, tmp_path, events, how, code):
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path))
    assert kill_after(path, tmp_path / "cache", events, how, pause=0.02) == code
    child = command(path, tmp_path / "cache")
    _, error = child.communicate()
    assert child.returncode == 0, error
    assert essence(tmp_path) == essence(uninterrupted[0])
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
def test_the_quickstart_survives_five_kills(tmp_path):
    """Five SIGKILLs at random moments, each after a start of its own; then the same trials and the same best."""
    text = (Path(__file__).parents[2] / "studies" / "quickstart.toml").read_text()
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
        (folder / "quickstart.toml").write_text(text)
    whole, killed = (folder / "quickstart.toml" for folder in folders)
    start = time.monotonic()
    assert command(whole, folders[0] / "cache").wait() == 0
    length = time.monotonic() - start
    moments = np.random.default_rng(0).uniform(5, length / 3, size=5)
    codes = [kill_at(killed, folders[1] / "cache", moment) for moment in moments]
    assert codes.count(-signal.SIGKILL) == 5, "a run was over before it was killed"
    assert command(killed, folders[1] / "cache").wait() == 0
    assert essence(folders[1], "quickstart") == essence(folders[0], "quickstart")
