"""`geosearch model`."""

from __future__ import annotations

from typing import Annotated

import typer

from geosearch.cli.parameters import AdaptationOption, OutputFolder, RowOption, Storage, StudyArgument, Verbose


def model(
    study: StudyArgument,
    out: OutputFolder,
    row: RowOption = None,
    adaptation: AdaptationOption = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write the network as ONNX, too.")] = False,
    storage: Storage = None,
    verbose: Verbose = False,
) -> None:
    """Write the trained model of a confirmed study: weights, description and card."""
    from geosearch.cli.run import report_progress
    from geosearch.model.files import write_model
    from geosearch.model.onnx_export import check_onnx
    from geosearch.runtime.atomic import check_out
    from geosearch.study.study import Study

    check_out(out)
    if onnx:
        check_onnx()
    with report_progress(as_json=False, verbose=verbose) as progress:
        opened = Study.open(study, storage=storage, must_exist=True, progress=progress)
        trained = opened.model(row=row, adaptation=adaptation)
        written = write_model(trained, out, onnx=onnx)
    origin = trained.facts.provenance
    print(f"{origin.row}, adapted by {trained.facts.adaptation['type']}: {origin.why}")
    print(written)
