"""`geosearch report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geosearch.cli.parameters import Storage, StudyArgument, Verbose


def report(
    study: StudyArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the page.", show_default="reports/STUDY")
    ] = None,
    storage: Storage = None,
    verbose: Verbose = False,
) -> None:
    """Write the report page and its figures again."""
    from geosearch.cli.run import report_progress
    from geosearch.study.study import Study

    with report_progress(as_json=False, verbose=verbose) as progress:
        page = Study.open(study, storage=storage, must_exist=True, progress=progress).report(out)
    print(page)
