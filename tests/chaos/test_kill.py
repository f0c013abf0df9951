"""Kill a running study, run the same command again: nothing is lost, repeated, or different."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

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
        text=True,
    )


def kill_after(path, cache, events: int, how: signal.Signals, pause: float) -> int:
    """Start the study and kill it some time after its n-th event; the exit code."""
    child = command(path, cache)
    for _ in range(events):
        child.stdout.readline()
    time.sleep(pause)
    child.send_signal(how)
    child.communicate()
    return child.returncode


def essence(folder):
    study = Study.open(str(folder / "studies" / "tiny.db"), cache=Cache(folder / "cache"))
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
        (2, signal.SIGKILL, -signal.SIGKILL),
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
