"""`geosearch synthesize`."""

from __future__ import annotations

from typing import Annotated

import typer

from geosearch.cli.parameters import FormatOption, OutputFolder, Storage, StudyArgument, Verbose


def synthesize(
    study: StudyArgument,
    out: OutputFolder,
    size: Annotated[int, typer.Option("--size", metavar="N", min=1, help="Number of images.")] = 1000,
    format: FormatOption = "imagefolder",
    condense: Annotated[
        int | None,
        typer.Option(
            "--condense", metavar="N", min=1, help="Learn N images per class from the --size images, and write those."
        ),
    ] = None,
    rows: Annotated[
        bool,
        typer.Option("--rows", help="Write which images of the sources every sample is made of, in place of images."),
    ] = False,
    trial: Annotated[int | None, typer.Option("--trial", metavar="K", help="Number of the trial.")] = None,
    best: Annotated[bool, typer.Option("--best", help="The best trial; the default.")] = False,
    storage: Storage = None,
    verbose: Verbose = False,
) -> None:
    """Write a mixture as a data set."""
    from geosearch.cli.run import report_progress
    from geosearch.data.writers.registry import find_writer
    from geosearch.errors import InvalidOptionError
    from geosearch.study.study import Study

    if best and trial is not None:
        raise InvalidOptionError("--trial and --best cannot be combined; give one of them")
    writer = find_writer(format)
    with report_progress(as_json=False, verbose=verbose) as progress:
        opened = Study.open(study, storage=storage, must_exist=True, progress=progress)
        written = opened.synthesize(out, size=size, trial=trial, condense=condense, writer=writer, rows=rows)
    print(written)
