"""`geosearch report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geosearch.cli.parameters import Storage, StudyArgument


def report(
    study: StudyArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the page.", show_default="reports/STUDY")
    ] = None,
    storage: Storage = None,
) -> None:
    """Write the report page and its figures again."""
    from geosearch.study.study import Study

    print(Study.open(study, storage=storage, begun=True).report(out))
