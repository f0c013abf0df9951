"""`geosearch resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from geosearch.cli.parameters import Engine, Json, Storage, StudyArgument, Verbose, Workers


def parse_extra(text: str) -> int:
    """ "+5" or "5" -> 5."""
    number = text.removeprefix("+")
    if not number.isdecimal() or int(number) < 1:
        raise typer.BadParameter(f"expected a whole number of at least 1, got {text!r}")
    return int(number)


def resume(
    study: StudyArgument,
    evaluations: Annotated[
        int | None,
        typer.Option("--evaluations", metavar="+N", parser=parse_extra, help="Evaluations to add to the budget."),
    ] = None,
    storage: Storage = None,
    workers: Workers = None,
    parallel: Engine = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Continue a study, with a larger budget if --evaluations is given."""
    from geosearch.cli.run import check_one_engine, interruptible, print_end, run_to_end
    from geosearch.runtime.parallel import engine
    from geosearch.study.study import Study

    check_one_engine(workers, parallel)
    advice = f"run 'geosearch resume {study}', without --evaluations," if evaluations else ""
    with interruptible(as_json=as_json, verbose=verbose, advice=advice) as progress:
        opened = Study.open(study, storage=storage, progress=progress)
        total = opened.file.search.evaluations + (evaluations or 0)
        with engine(parallel):
            end = run_to_end(opened, progress, evaluations=total, workers=workers or 0)
    if not as_json:
        print_end(opened, end)
