"""`geosearch dashboard`."""

from __future__ import annotations

from typing import Annotated

import typer

from geosearch.cli.parameters import StudyArgument


def dashboard(
    study: StudyArgument,
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=1, max=65535, help="Port on 127.0.0.1.")] = 8080,
) -> None:
    """Browse a study's trials in optuna-dashboard, on a copy of its database."""
    from geosearch.errors import GeosearchError
    from geosearch.study.database_copy import copy_database
    from geosearch.study.study import Study

    try:
        from optuna_dashboard import run_server
    except ImportError:
        raise GeosearchError("optuna-dashboard is not installed; pip install 'geosearch[dashboard]'") from None
    with copy_database(Study.open(study, must_exist=True).store.url) as copy:
        print(f"http://127.0.0.1:{port} shows a copy of {study}; Ctrl-C ends it")
        run_server(f"sqlite:///{copy}", host="127.0.0.1", port=port)
