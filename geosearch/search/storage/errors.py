"""Errors of databases and their drivers, translated into one message with a remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import sqlalchemy

from geosearch.errors import GeosearchError, StorageError, StudyMismatchError
from geosearch.runtime.redact import mask, scrub


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Translate errors of a database or its driver into one message with a remedy.

    Raises:
        StorageError: the database cannot be used.
        StudyMismatchError: another version of Optuna wrote it.
    """
    try:
        yield
    except sqlalchemy.exc.ArgumentError as error:
        raise StorageError(
            "the storage address is not one that SQLAlchemy reads; "
            "expected something like sqlite:///studies/mnist.db or postgresql://user:password@host/name"
        ) from error
    except (sqlalchemy.exc.NoSuchModuleError, ImportError) as error:
        raise StorageError(f"no driver is installed for {mask(url)}: {scrub(str(error), url)}") from error
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DBAPIError, sqlite3.Error) as error:
        detail = str(getattr(error, "orig", None) or error.__cause__ or error).strip().splitlines()[0]
        raise StorageError(
            f"cannot use {mask(url)}: {scrub(detail, url)}; check that the address is right, that the database "
            "can be reached and written, and that the file is whole (restore it from a copy, or move it away)"
        ) from error
    except RuntimeError as error:
        if "optuna" in str(error) and "version" in str(error):
            raise StudyMismatchError(
                f"{mask(url)} was written by another version of Optuna: {error}; "
                "upgrade Optuna, or run 'optuna storage upgrade --storage ADDRESS'"
            ) from error
        raise


@contextmanager
def check_readable(url: str) -> Iterator[None]:
    """Like `translate_errors`, and raise one error if the contents of a database cannot be read.

    Raises:
        StorageError: the database holds something that geosearch did not write.
    """
    try:
        with translate_errors(url):
            yield
    except GeosearchError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError) as error:
        raise StorageError(
            f"{mask(url)} holds something that geosearch did not write "
            f"({type(error).__name__}: {scrub(str(error), url)}); restore it from a copy, or move it away"
        ) from error
