"""Database copy: a study's SQLite file, copied so that reading it never locks a search."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from geosearch.errors import InvalidOptionError
from geosearch.runtime.redact import mask
from geosearch.search.storage.sqlite import sqlite_path
from geosearch.search.storage.urls import JOURNAL


@contextmanager
def copy_database(url: str) -> Iterator[Path]:
    """A temporary copy of the database at `url`.

    Raises:
        InvalidOptionError: it is not a SQLite file.
    """
    path = sqlite_path(url)
    if path is None:
        shown = mask(url).removeprefix(JOURNAL)
        raise InvalidOptionError(f"the dashboard copies SQLite files only; run: optuna-dashboard {shown}")
    with tempfile.TemporaryDirectory(prefix="geosearch-dashboard-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / path.name
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        yield copy
