"""`geosearch search`."""

from __future__ import annotations

from typing import Annotated

import typer

from geosearch.cli.parameters import Engine, Json, Storage, StudyFileArgument, Verbose, Workers


def search(
    study: StudyFileArgument,
    storage: Storage = None,
    force_new: Annotated[
        bool, typer.Option("--force-new", help="Rename an existing database and start again from nothing.")
    ] = False,
    workers: Workers = None,
    parallel: Engine = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run a study to its end: search, confirm, write the best mixture and a report.

    A study that was stopped continues where it was: run the same command again.
    """
    from geosearch.cli.run import check_one_engine, interruptible, print_end, run_to_end
    from geosearch.runtime.parallel import engine
    from geosearch.study.study import Study

    check_one_engine(workers, parallel)
    advice = "run it again without --force-new" if force_new else ""
    with interruptible(as_json=as_json, verbose=verbose, advice=advice) as progress:
        opened = Study.open(study, storage=storage, force_new=force_new, progress=progress)
        with engine(parallel):
            end = run_to_end(opened, progress, evaluations=None, workers=workers or 0)
    if not as_json:
        print_end(opened, end)
