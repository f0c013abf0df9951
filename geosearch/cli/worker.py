"""`geosearch worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from geosearch.cli.parameters import Engine, Json, Storage, StudyArgument, Verbose


def worker(
    study: StudyArgument,
    storage: Storage = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="Evaluate in N processes on this machine.")
    ] = 1,
    parallel: Engine = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Evaluate trials of a study that other processes search too, on this or on other machines.

    All of them need the same study file and a database that they can reach. A worker may be started and stopped at
    any time.
    """
    from geosearch.cli.run import check_one_engine, interruptible
    from geosearch.runtime.parallel import engine
    from geosearch.study.local_workers import leave_on_termination
    from geosearch.study.study import Study

    check_one_engine(jobs if jobs > 1 else None, parallel, option="--jobs")
    leave_on_termination()
    with interruptible(as_json=as_json, verbose=verbose) as progress:
        opened = Study.open(study, storage=storage, progress=progress)
        with engine(parallel):
            opened.work(jobs=jobs)
    if not as_json:
        print(f"the evaluations of {opened.name} are done; 'geosearch search' confirms them and writes the results")
