"""Dashboard: optuna-dashboard on a copy of a study's database, so that looking never locks a search."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from geosearch.errors import GeosearchError, InvalidOptionError
from geosearch.runtime.redact import masked
from geosearch.search.storage.sqlite import sqlite_path
from geosearch.search.storage.urls import JOURNAL
from geosearch.study.study import Study


def serve(study: str, *, port: int = 8080) -> None:
    """Serve the dashboard at http://127.0.0.1:<port> until interrupted.

    Raises:
        GeosearchError: optuna-dashboard is not installed.
    """
    try:
        from optuna_dashboard import run_server
    except ImportError:
        raise GeosearchError("optuna-dashboard is not installed; pip install 'geosearch[dashboard]'") from None
    url = Study.open(study, begun=True).store.url
    path = sqlite_path(url)
    if path is None:
        shown = masked(url).removeprefix(JOURNAL)
        raise InvalidOptionError(f"the dashboard copies SQLite files only; run: optuna-dashboard {shown}")
    folder = Path(tempfile.mkdtemp(prefix="geosearch-dashboard-"))
    try:
        copy = folder / path.name
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        print(f"http://127.0.0.1:{port} shows a copy of {path}; Ctrl-C ends it")
        run_server(f"sqlite:///{copy}", host="127.0.0.1", port=port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
