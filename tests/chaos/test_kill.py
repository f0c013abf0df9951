"""Kill a running study, run the same command again: nothing is lost, repeated, or different."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from chaos import kills
from generators.outcomes import outcomes

from geosearch.runtime.cache import Cache
from geosearch.study.study import Study


def command(path, cache):
    environment = {**os.environ, "GEOSEARCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "geosearch.cli.main", "search", path.name, "--json"],
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


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What a whole run leaves, and how often it comes by each place."""
    folder = tmp_path_factory.mktemp("whole")
    kills.write_study(folder)
    calls = kills.count(folder)
    return kills.left(folder), calls


def test_a_killed_study_ends_like_an_uninterrupted_one(uninterrupted, tmp_path):
    """One life with three deaths: in the first plan, while a file is written, when an evaluation was stored."""
    whole, calls = uninterrupted
    assert all(calls.values()), calls
    deaths = [
        kills.Kill(signal.SIGKILL, "plan", 0, "within", 0.001),
        kills.Kill(signal.SIGKILL, "sync", 20, "before"),
        kills.Kill(signal.SIGINT, "tell", 4, "after"),
    ]
    ends = kills.lives(tmp_path, deaths, whole)
    assert [code for code, _ in ends] == [-signal.SIGKILL, -signal.SIGKILL, 130]
    assert [trials for _, trials in ends] == sorted(trials for _, trials in ends)


@pytest.mark.slow
def test_a_full_disk_is_one_message_and_the_study_goes_on_later(uninterrupted, tmp_path):
    """For real: no file may grow beyond what the database needs for a few trials."""
    whole, _ = uninterrupted
    kills.write_study(tmp_path)
    assert kills.live(tmp_path, most_bytes=150_000) == 2
    said = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in said
    assert "geosearch: cannot " in said
    kills.check_dead(kills.left(tmp_path), whole)
    assert kills.live(tmp_path) == 0
    kills.check_reborn(kills.left(tmp_path), whole)


@pytest.mark.slow
def test_a_study_survives_forty_kills_at_random_moments(uninterrupted, tmp_path):
    """As research/machine/kills.py does two hundred times."""
    whole, calls = uninterrupted
    rng, hits, life = random.Random(7), 0, 0
    while hits < 40:
        life += 1
        (tmp_path / str(life)).mkdir()
        planned = [kills.random_kill(rng, calls, 8.0) for _ in range(rng.randint(1, 4))]
        ends = kills.lives(tmp_path / str(life), planned, whole, jobs=2 if life % 5 == 0 else 1)
        hits += sum(code != 0 for code, _ in ends)


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
    studies = [Study.open(str(f / "studies" / "quickstart.db"), cache=Cache(f / "cache")) for f in folders]
    assert outcomes(studies[1].trials) == outcomes(studies[0].trials)
    assert studies[1].best.point == studies[0].best.point
