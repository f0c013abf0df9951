"""`geosearch curate`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from geosearch.cli.choices import CURATION_EMBEDDINGS, Task
from geosearch.cli.completion import complete_dataset
from geosearch.cli.parameters import (
    ChannelsOption,
    DatasetArgument,
    Download,
    FormatOption,
    ImageSize,
    Json,
    OutputFolder,
    Root,
    Seed,
    Verbose,
)


def curate(
    dataset: DatasetArgument,
    out: OutputFolder,
    task: Annotated[
        Task,
        typer.Option(
            "--task",
            metavar="TASK",
            help="detect harmful samples, reweight all samples, or extend the target by samples of this set.",
        ),
    ] = "detect",
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="T",
            help="The data set that it is used for, with the same classes.",
            show_default="the set itself",
            autocompletion=complete_dataset,
        ),
    ] = None,
    embedding: Annotated[
        str,
        CURATION_EMBEDDINGS.option(
            "--embedding", help="Features in which samples are compared.", key="transport.embedding"
        ),
    ] = "patches",
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="NAME", help="Network of torchvision, for --embedding backbone.")
    ] = "resnet18",
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="FILE", help="Its weights: a state dict, or torchvision's name of one."),
    ] = None,
    size: ImageSize = 28,
    channels: ChannelsOption = "1",
    format: FormatOption = "imagefolder",
    root: Root = None,
    download: Download = False,
    seed: Seed = 0,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Find harmful samples of a data set, weight its samples, or extend another set from it."""
    from dataclasses import asdict

    from geosearch.cli.choices import embedding_named
    from geosearch.cli.run import report_progress
    from geosearch.data.writers.registry import find_writer
    from geosearch.study.curated_dataset import curate_dataset

    writer = find_writer(format)
    with report_progress(as_json=as_json, verbose=verbose) as progress:
        found = curate_dataset(
            dataset,
            task=task,
            target=target,
            embedding=embedding_named(embedding, backbone=backbone, weights=weights),
            size=size,
            channels=int(channels),
            root=root,
            download=download,
            seed=seed,
            out=out,
            writer=writer,
            progress=progress,
        )
    print(json.dumps({"event": "done", **asdict(found)}) if as_json else f"{found.sentence}\n{found.out}")
