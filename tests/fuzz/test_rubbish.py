"""Commands fed with inputs that are a little wrong end with exit code 0 or 2 and a message, and do nothing else."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from fuzz import arena, mutations
from fuzz.kinds import KINDS, SECRET, Stage
from generators.studies import tiny, write_toml


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return Stage.set(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", KINDS)
def test_rubbish_is_refused_in_one_message(stage, kind):
    for number in range(8):
        outcome = KINDS[kind](random.Random(number), stage)
        assert not outcome.problem, (number, outcome.problem)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_much_rubbish_is_refused_in_one_message(stage, kind):
    """Over all kinds 2,100 inputs; research/machine/rubbish.py prints their table."""
    for number in range(8, 358):
        outcome = KINDS[kind](random.Random(number), stage)
        assert not outcome.problem, (number, outcome.problem)


@pytest.mark.slow
def test_a_child_process_says_the_same_as_the_arena(stage):
    """One input from outside, to see that watching changes nothing."""
    folder = stage.fresh()
    (folder / "study.toml").write_text("[study]\nname = 3\n")
    inside = arena.run(["check", "study.toml"], folder)
    outside = subprocess.run(
        [sys.executable, "-m", "geosearch.cli.main", "check", "study.toml"], cwd=folder, capture_output=True, text=True
    )
    assert (outside.returncode, outside.stderr) == (inside.code, inside.said)


# What the long runs found; each is fixed and kept.

FOUND_ADDRESSES = [
    f"postgresql://me:{SECRET}@127.0.0.1:x/db",  # a port that is no number was a traceback
    f"postgresql://me:{SECRET}@[::1]:1]:1/db",
    "sqlite:///\x00",  # as was a NUL
    f"postgresql://me:x{SECRET}@@127.0./.1:1/db",  # half of the password was said
    f"postgresql://me:a@[::1]:1/x?password={SECRET}",  # a password in the query was said
    f"sqlite+aiosqlite:///me:{SECRET}@127.0.0.1:x/%zz",
    f"postgresql:/me:{SECRET}@127.0.0.1/db",  # taken for the name of a study, and said
    f"oracle://@{SECRET}@/x",  # a password without its colon
    f"grpc://127.0.0.1:9:999/x?password={SECRET}",  # what has no port but a query was said
    f"grpc://me/{SECRET}%40@/x",
    f"grpc://:{SECRET}@127.0.0.1:99999",  # as was one before a port that is none
    f"journal:/me:{SECRET}%40@127.0.0.1:x/%zz",  # made folders at the root
    "a" * 5000,  # a name that no file can have was a traceback
]


@pytest.mark.parametrize("address", FOUND_ADDRESSES)
def test_addresses_that_were_found(stage, address):
    folder = stage.fresh()
    write_toml(folder / "tiny.toml", {**tiny(stage.good), "search": {"evaluations": 1}})
    outcomes = [arena.run(["status", address], folder, secret=SECRET)]
    if "://" in address:
        outcomes.append(arena.run(["search", "tiny.toml", "--storage", address], folder, secret=SECRET))
    for outcome in outcomes:
        assert (outcome.code, outcome.problem) == (2, ""), outcome


FOUND_CONTENTS = [
    "DELETE FROM trial_params",
    "DELETE FROM trial_user_attributes WHERE key = 'proposal'",
    "UPDATE trial_user_attributes SET value_json = '0.5' WHERE key = 'proposal'",
    "UPDATE trial_user_attributes SET value_json = '' WHERE key = 'proposal'",
    "UPDATE trial_user_attributes SET value_json = '\"CON\"' WHERE key = 'debiased_proxy'",
    "UPDATE trial_values SET value = '../../x'",
    "UPDATE trials SET state = '<script>alert(1)</script>'",
    "UPDATE study_directions SET direction = 'digits'",
    "UPDATE study_user_attributes SET value_json = '[]' WHERE key = 'geosearch'",
    "UPDATE study_user_attributes SET value_json = '{\"rows\": 3}' WHERE key = 'confirmation'",
]


@pytest.mark.parametrize("statement", FOUND_CONTENTS)
def test_contents_of_databases_that_were_found(stage, statement):
    folder = stage.fresh()
    shutil.copy(stage.good / "studies" / "tiny.db", folder / "study.db")
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        connection.execute(statement)
        connection.commit()
    outcome = arena.run(["status", "study.db"], folder)
    assert (outcome.code, outcome.problem) == (2, ""), outcome
    assert "restore it from a copy" in outcome.said or "move it away" in outcome.said


def test_a_pipe_among_the_images_is_not_waited_for(stage):
    folder = stage.fresh()
    shutil.copytree(stage.good / "pictures", folder / "pictures")
    os.mkfifo(folder / "pictures" / "class-0" / "pipe.png")
    outcome = arena.run(["distance", "imagefolder:pictures", f"npz:{stage.good}/near.npz", "--size", "12"], folder)
    assert (outcome.code, outcome.problem) == (0, ""), outcome


def test_the_arena_notices(tmp_path, monkeypatch):
    """A test that cannot fail is none: each kind of misdeed is seen."""
    (tmp_path / "inside").mkdir()

    def doing(deed):
        monkeypatch.setattr(arena, "main", lambda _: (deed(), 0)[1])
        return arena.run([], tmp_path / "inside", limit=1.0)

    assert "outside" in doing(lambda: (tmp_path / "x").write_text("")).problem
    assert "outside" in doing(lambda: os.mkdir(tmp_path / "y")).problem
    assert "pickle.find_class" in doing(lambda: pickle.loads(pickle.dumps(json.JSONDecoder))).problem
    assert "ZeroDivisionError" in doing(lambda: 1 / 0).problem
    assert "MemoryError" in doing(lambda: bytearray(5 * 2**30)).problem

    def busy():
        start = time.process_time()
        while time.process_time() - start < 3:
            pass

    assert "a hang" in doing(busy).problem
    assert not doing(lambda: (tmp_path / "inside" / "x").write_text("")).problem


def test_mutations_are_the_same_for_the_same_number():
    made = [mutations.bytes_(random.Random(number), b"0123456789" * 9) for number in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
