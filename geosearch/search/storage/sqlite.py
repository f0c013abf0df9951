"""SQLite: study databases in one file; checks before it is opened, and its locks."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from weakref import WeakKeyDictionary

import optuna
import sqlalchemy
from filelock import FileLock, Timeout
from sqlalchemy import event

from geosearch.errors import StorageError

SQLITE = "sqlite:///"
_OPENED: WeakKeyDictionary[sqlalchemy.Engine, list[sqlite3.Connection]] = WeakKeyDictionary()


def sqlite_path(url: str) -> Path | None:
    """The file behind an address like sqlite:///studies/mnist.db; None for other databases."""
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) and "?" not in url else None


def check_file(url: str, *, must_exist: bool = False) -> None:
    """Check that a SQLite file can hold a study, before it is opened.

    Raises:
        StorageError: the file is missing, read-only, or holds other tables.
        sqlite3.DatabaseError: it is truncated or damaged.
    """
    path = sqlite_path(url)
    if path is None:
        return
    if "\0" in url:
        raise StorageError("the storage address holds a NUL character; expected e.g. sqlite:///studies/mnist.db")
    if not os.path.exists(path):
        if must_exist:
            raise StorageError(f"no study database at {path}; run 'geosearch search STUDY.toml' first")
        return
    if not path.is_file():
        raise StorageError(f"{path} is not a file; name a database file, e.g. sqlite:///studies/mnist.db")
    if not os.access(path, os.W_OK):
        raise StorageError(f"{path} is read-only; make it writable, or copy it and use --storage")
    with closing(sqlite3.connect(path)) as connection:
        verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    if tables and "studies" not in tables:
        raise StorageError(f"{path} is not a study database, it holds other tables; give the study another file")


@contextmanager
def exclusive_access(url: str, timeout: float = 0.0) -> Iterator[None]:
    """Context in which no other process has exclusive access to a study in a SQLite file; no-op for other databases.

    Args:
        url: the database's address.
        timeout: seconds to wait for another process.

    Raises:
        StorageError: another process has exclusive access.
    """
    path = sqlite_path(url)
    if path is None:
        yield
        return
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise StorageError(
            f"another process is searching {path} at this moment, by itself; wait for it, or stop it first "
            "(with 'geosearch search --workers N', others can join)"
        ) from None
    with lock:
        try:
            yield
        finally:
            lock.release()


def serialize_transactions(storage: optuna.storages.RDBStorage) -> optuna.storages.RDBStorage:
    """Let every transaction take SQLite's write lock when it begins.

    SQLite has no SELECT ... FOR UPDATE: two workers that read "waiting" would both write "running".
    Source: SQLAlchemy's documentation of pysqlite, on serializable isolation.
    """
    storage.engine.dispose()  # connections made before the listeners were there
    opened = _OPENED.setdefault(storage.engine, [])

    @event.listens_for(storage.engine, "connect")
    def _leave_transactions_to_us(connection, _record):  # type: ignore[no-untyped-def]
        connection.isolation_level = None
        opened.append(connection)

    @event.listens_for(storage.engine, "close")
    def _forget(connection, _record):  # type: ignore[no-untyped-def]
        if connection in opened:
            opened.remove(connection)

    @event.listens_for(storage.engine, "begin")
    def _begin(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return storage


def roll_back(storage: optuna.storages.BaseStorage) -> None:
    """Roll back transactions of this process that an interrupt left open, or it would wait for its own lock.

    An interrupt between two steps of Optuna's session may leave a SQLite transaction to the garbage collector, while
    the interrupt itself keeps it alive. Other storages take no lock on the whole database: nothing happens there.
    """
    if isinstance(storage, optuna.storages.RDBStorage) and storage.engine in _OPENED:
        for connection in _OPENED[storage.engine]:
            with suppress(sqlite3.Error):  # closed behind SQLAlchemy's back
                if connection.in_transaction:  # another thread's that waits for the lock cannot be rolled back
                    connection.rollback()
        storage.scoped_session.registry.clear()  # this thread's session may be half closed
