"""A copy of a study's database, for programs that only look."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from geosearch.errors import InvalidOptionError
from geosearch.study.database_copy import copy_database


def test_the_copy_holds_what_the_database_holds_and_is_gone_afterwards(tmp_path):
    with closing(sqlite3.connect(tmp_path / "study.db")) as database:
        database.execute("create table numbers (n)")
        database.execute("insert into numbers values (7)")
        database.commit()
        with copy_database(f"sqlite:///{tmp_path}/study.db") as copy:
            with closing(sqlite3.connect(copy)) as seen:
                assert seen.execute("select n from numbers").fetchall() == [(7,)]
                seen.execute("delete from numbers")
                seen.commit()
            assert copy.parent != tmp_path
        assert not copy.exists()
        assert database.execute("select n from numbers").fetchall() == [(7,)]


def test_other_databases_are_refused_without_their_passwords():
    with (
        pytest.raises(InvalidOptionError, match=r"optuna-dashboard postgresql://me:\*\*\*@host/db"),
        copy_database("postgresql://me:secret@host/db"),
    ):
        pass
