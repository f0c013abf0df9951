"""`geosearch search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geosearch.cli.completion import complete_study
from geosearch.cli.parameters import (
    Download,
    Engine,
    Json,
    Minutes,
    Root,
    SourcesOption,
    Storage,
    StudyName,
    TargetOption,
    TestOption,
    UnlabelledOption,
    Verbose,
    Workers,
)


def search(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]",
            help="A study file (.toml), a study in studies/, or an example, e.g. quickstart; none with --target.",
            autocompletion=complete_study,
        ),
    ] = None,
    storage: Storage = None,
    force_new: Annotated[
        bool, typer.Option("--force-new", help="Rename an existing database and start again from nothing.")
    ] = False,
    target: TargetOption = None,
    source: SourcesOption = None,
    unlabelled: UnlabelledOption = None,
    test: TestOption = None,
    name: StudyName = None,
    minutes: Minutes = 30.0,
    root: Root = None,
    download: Download = False,
    workers: Workers = None,
    parallel: Engine = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run a study to its end: search, confirm, write the best mixture and a report.

    A study that was stopped continues where it was: run the same command again. With --target and --source in place of
    a study, its file is drafted as by 'geosearch init', and kept in studies/.
    """
    from geosearch.cli.run import check_one_engine, interruptible, print_end, run_to_end
    from geosearch.draft.draft import find_or_draft
    from geosearch.errors import InvalidOptionError
    from geosearch.runtime.parallel import engine
    from geosearch.study.study import Study

    check_one_engine(workers, parallel)
    sets = {"unlabelled": unlabelled, "test": test, "name": name, "root": root}
    if study is not None and (target or source or any(sets.values())):
        raise InvalidOptionError(f"'{study}' is a study, so --target, --source and the like cannot be given too")
    if study is not None and download:
        raise InvalidOptionError(f"'{study}' is a study; to download its sets write download = true in its [domain]")
    if study is None:
        if target is None:
            raise InvalidOptionError(
                "give a study, or --target and at least two --source; see 'geosearch search --help'"
            )
        path, draft = find_or_draft(
            target, source or [], **sets, minutes=minutes, download=download, folder=Path("studies")
        )
        study = str(path)
        if not as_json:
            print(f"{draft.summary}\nwritten to {path}" if draft else f"continuing with {path}")
    advice = "run it again without --force-new" if force_new else ""
    with interruptible(as_json=as_json, verbose=verbose, advice=advice) as progress:
        opened = Study.open(study, storage=storage, force_new=force_new, progress=progress)
        with engine(parallel):
            end = run_to_end(opened, progress, evaluations=None, workers=workers or 0)
    if not as_json:
        print_end(opened, end)
