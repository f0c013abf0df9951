"""Storages: from the address of a study database to an Optuna storage that several processes can share."""

from __future__ import annotations

import inspect
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from geosearch.errors import StorageError
from geosearch.runtime.redact import mask
from geosearch.runtime.user_folder import expand_user
from geosearch.search.storage.sqlite import serialize_transactions, sqlite_path

JOURNAL, GRPC = "journal:", "grpc://"
_POSTGRES = ("postgresql://", "postgres://")
_TRIES = 5
_ENCODE = (
    "the storage address cannot be taken apart: a user or password with special characters has to be percent-encoded "
    "(@ is %40, / is %2F, # is %23, ? is %3F, : is %3A, % is %25); for the whole of it: "
    "python -c \"from urllib.parse import quote; print(quote(input(), safe=''))\""
)  # says nothing of the address: any part of it may belong to the password
_NAMES = inspect.signature(optuna.storages.RDBStorage).parameters  # Optuna 4.9 gave the callback another name
_STALE = next(name for name in ("heartbeat_stale_trial_callback", "failed_trial_callback") if name in _NAMES)
_INCOMPLETE_TABLES = (
    "already exists",
    "duplicate key",
    "pg_type",
    "UNIQUE constraint",
)  # in messages about tables that another process is creating


@dataclass(frozen=True)
class Heartbeat:
    """Optuna's heartbeats, by which a relational database notices that the process of a running trial has crashed.

    Attributes:
        interval: seconds between two heartbeats.
        grace_period: seconds without a heartbeat after which a running trial is marked as failed.
    """

    interval: int = 10
    grace_period: int = 60


OnStale = Callable[[optuna.Study, FrozenTrial], None]


def storage_at(
    url: str, heartbeat: Heartbeat | None = None, *, on_stale: OnStale | None = None
) -> optuna.storages.BaseStorage:
    """Connect to a study database.

    Args:
        url: ``journal:PATH``, a file that every process appends to; ``grpc://HOST:PORT``, Optuna's proxy in front of
            a database; else an SQLAlchemy address, e.g. ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        heartbeat: of the trials that are evaluated over this connection; journals and proxies have none.
        on_stale: called for every trial that is marked as failed because its heartbeats stopped.

    Raises:
        StorageError: a driver is missing, or the address or its file cannot be read.
        sqlalchemy.exc.ArgumentError: the address is malformed.
    """
    if path := journal_path(url):
        return _journal(path)
    if url.startswith(GRPC):
        return _proxy(url)
    _check_url(url)
    if path := sqlite_path(url):
        make_folder(path)
    if url.startswith("sqlite"):
        return serialize_transactions(_relational(url, {"connect_args": {"timeout": 300}}, heartbeat, on_stale))
    if url.startswith(_POSTGRES):
        if find_spec("psycopg2") is None:
            raise StorageError("PostgreSQL needs its driver; pip install 'geosearch[postgres]'")
        url = f"postgresql+psycopg2://{url.partition('://')[2]}"  # SQLAlchemy's default differs between its versions
    return _relational(url, {"pool_pre_ping": True}, heartbeat, on_stale)


def _check_url(url: str) -> None:
    """Check an SQLAlchemy address; a password with an '@' in it would be cut, and its rest be taken for the host.

    Raises:
        StorageError: it has a special character where none may be.
        sqlalchemy.exc.ArgumentError: it is malformed otherwise.
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except (ValueError, sqlalchemy.exc.ArgumentError) as error:  # ValueError: e.g. a port that is no number
        if "://" in url and "@" in url:
            raise StorageError(_ENCODE) from None
        raise sqlalchemy.exc.ArgumentError(str(error)) from error
    if url.startswith("sqlite"):
        return
    if any("@" in (part or "") for part in (parsed.host, parsed.database, *parsed.query)) or (
        "@" in url.partition("?")[2].partition("=")[0] or "#" in (parsed.host or "")
    ):
        raise StorageError(_ENCODE)


def journal_path(url: str) -> Path | None:
    """The file behind an address like journal:/shared/mnist.journal; None for other storages."""
    return expand_user(url.removeprefix(JOURNAL)) if url.startswith(JOURNAL) else None


def make_folder(path: Path) -> None:
    """Create the folder of a database if its path is relative; a misspelled absolute path creates no folder.

    Raises:
        StorageError: the folder is missing, or cannot be created.
    """
    folder = path.parent
    if folder.is_dir():
        return
    if path.is_absolute():
        raise StorageError(f"there is no folder {mask(str(folder))}; make it, or name another with --storage")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {mask(str(folder))}: {error.strerror or error}; name another with --storage"
        ) from error


@contextmanager
def translate_connection_errors(where: str) -> Iterator[None]:
    """Raise one error with a remedy if the connection to a database is lost during a search.

    Args:
        where: the address without passwords.

    Raises:
        StorageError: the database did not answer.
    """
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DBAPIError) as error:
        raise _lost(where, getattr(error, "orig", None) or error.__cause__ or error) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "grpc":  # its errors cannot be named where it is absent
            raise
        raise _lost(where, error) from error


def _lost(where: str, error: object) -> StorageError:
    detail = str(error).strip().splitlines()[0]
    return StorageError(
        f"lost {where}: {detail}; results so far are stored: run the same command again when the database is back"
    )


def has_heartbeat(storage: optuna.storages.BaseStorage) -> bool:
    """Whether the storage notices that a process crashed while it evaluated a trial over this connection."""
    return isinstance(storage, optuna.storages.RDBStorage) and storage.get_heartbeat_interval() is not None


def _relational(
    url: str, engine: dict[str, object], heartbeat: Heartbeat | None, on_stale: OnStale | None
) -> optuna.storages.RDBStorage:
    """The first process creates the tables; others may find them incomplete, and retry."""
    options: dict[str, Any] = {"engine_kwargs": engine}
    if heartbeat:
        interval, grace_period = heartbeat.interval, heartbeat.grace_period
        options |= {"heartbeat_interval": interval, "grace_period": grace_period, _STALE: on_stale}
    for attempt in range(_TRIES):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return optuna.storages.RDBStorage(url, **options)
        except (sqlalchemy.exc.DBAPIError, optuna.exceptions.StorageInternalError) as error:
            text = f"{error} {error.__cause__}"
            if not any(sign in text for sign in _INCOMPLETE_TABLES) or attempt == _TRIES - 1:
                raise
            time.sleep(0.2 * (attempt + random.random()))
    raise AssertionError("unreachable")


def _journal(path: Path) -> optuna.storages.JournalStorage:
    make_folder(path)
    try:
        return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        shown = mask(str(path))
        raise StorageError(f"cannot use the journal {shown}: {error.strerror or error}; choose another file") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StorageError(
            f"{path} is not a journal of Optuna, or is damaged ({error}); restore it from a copy, or move it away"
        ) from error


def _proxy(url: str) -> optuna.storages.BaseStorage:
    if find_spec("grpc") is None:
        raise StorageError("a gRPC proxy needs grpcio; pip install 'geosearch[grpc]'")
    host, _, port = url.removeprefix(GRPC).rstrip("/").rpartition(":")
    if not host or "@" in host or not port.isdigit() or int(port) > 65535:
        raise StorageError(f"expected grpc://HOST:PORT, got {mask(url).rpartition('@')[2]}")
    storage = optuna.storages.GrpcStorageProxy(host=host, port=int(port))
    try:
        storage.wait_server_ready(timeout=20)
    except Exception as error:  # grpc.FutureTimeoutError, which cannot be named where grpc is absent
        raise StorageError(f"no gRPC proxy answers at {host}:{port}; start it, see docs/scaling.md") from error
    return storage
