"""`geosearch init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geosearch.cli.parameters import (
    Download,
    Minutes,
    Root,
    SourcesOption,
    StudyName,
    TargetOption,
    TestOption,
    UnlabelledOption,
)


def init(
    target: TargetOption = None,
    source: SourcesOption = None,
    unlabelled: UnlabelledOption = None,
    test: TestOption = None,
    name: StudyName = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The study file.")] = Path("study.toml"),
    minutes: Minutes = 30.0,
    root: Root = None,
    download: Download = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Look at the data sets of a new study and write its file, with the reasons."""
    from geosearch.draft.draft import check_free, draft_study
    from geosearch.errors import InvalidOptionError

    if target is None:
        raise InvalidOptionError("--target is missing: the folder or data set with your labelled images")
    check_free(out, force=force)
    draft = draft_study(
        target,
        source or [],
        unlabelled=unlabelled,
        test=test,
        name=name,
        minutes=minutes,
        root=root,
        download=download,
        folder=out.parent,
    )
    draft.write(out, force=force)
    print(draft.summary)
    print(f"written to {out}; next: geosearch search {out}")
