"""`geosearch next`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from geosearch.cli.choices import ACQUISITION_STRATEGIES
from geosearch.cli.parameters import Json, OutputFolder, Storage, StudyArgument, Verbose


def next(
    study: StudyArgument,
    out: OutputFolder,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="Number of images.")] = 20,
    strategy: Annotated[
        str,
        ACQUISITION_STRATEGIES.option(
            "--strategy", help="How they are chosen.", listed="automatic, typical, uncertain, random"
        ),
    ] = "automatic",
    storage: Storage = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Choose the unlabelled images to label next: a contact sheet and a table to fill in."""
    from geosearch.cli.run import report_progress
    from geosearch.study.next_labels import choose_next_labels
    from geosearch.study.study import Study

    with report_progress(as_json=as_json, verbose=verbose) as progress:
        opened = Study.open(study, storage=storage, must_exist=True, progress=progress)
        found = choose_next_labels(opened, count=count, out=out, strategy=strategy)
    if as_json:
        print(json.dumps({"event": "done", "out": str(out), "strategy": found.strategy, "names": list(found.names)}))
    else:
        print(found.text)
