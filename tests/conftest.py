"""Shared fixtures: small sets with structure, a cache of their own, and the real data where it is at hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from sqlalchemy import event
from sqlalchemy.engine import Engine

from geosearch.runtime.cache import Cache

settings.register_profile("same everywhere", derandomize=True, deadline=None)  # machines are shared and noisy
settings.load_profile("same everywhere")
torch.set_num_threads(1)  # tests are small; two threads would only wait for each other

ROOT = Path(__file__).parents[1]


def data_folder() -> Path:
    """Where the real image sets lie: $GEOSEARCH_DATA, by default ../shared/data."""
    return Path(os.environ.get("GEOSEARCH_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real image sets; the test is skipped, saying so, where it is absent."""
    folder = data_folder()
    if not (folder / "mnist.npz").exists():
        pytest.skip(f"no real data at {folder}; set GEOSEARCH_DATA to a folder with mnist.npz, usps.npz, ...")
    return folder


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """One cache for the whole run, of all its processes: what one test computed serves the next."""
    base = tmp_path_factory.getbasetemp()
    return Cache((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache")


@pytest.fixture(autouse=True)
def _own_cache(shared_cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("GEOSEARCH_CACHE", str(shared_cache.folder))


@event.listens_for(Engine, "connect")
def _hurried(connection, _record) -> None:
    """Tests kill processes, never the machine: their databases need not wait for the disk."""
    if type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A PostgreSQL server, started once; every call makes a database and gives its address."""
    started: list[Any] = []

    def database() -> str:
        pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL here; pip install 'geosearch[dev]'")
        pytest.importorskip("psycopg2", reason="no driver of PostgreSQL; pip install 'geosearch[postgres]'")
        if not started:
            started.append(pgserver.get_server(tmp_path_factory.mktemp("postgres") / "data", cleanup_mode="stop"))
            started[0].psql("alter system set fsync = off;")  # as above: the machine is not killed
            started[0].psql("select pg_reload_conf();")
        name = f"study_{next(_numbers)}"
        started[0].psql(f"create database {name};")
        return str(started[0].get_uri(name))

    yield database
    for server in started:
        server.cleanup()


_numbers = count()
