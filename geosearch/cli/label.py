"""`geosearch label`."""

from __future__ import annotations

from typing import Annotated

import typer

from geosearch.cli.choices import LABELLER_EMBEDDINGS, LABELLERS, Rule
from geosearch.cli.completion import complete_dataset
from geosearch.cli.parameters import (
    ChannelsOption,
    DatasetArgument,
    Download,
    FormatOption,
    ImageSize,
    OutputFolder,
    Root,
    Seed,
    Verbose,
)


def label(
    dataset: DatasetArgument,
    out: OutputFolder,
    anchors: Annotated[
        list[str] | None,
        typer.Option(
            "--anchor",
            metavar="A",
            help="A labelled set whose classes the images are compared with; may be given several times.",
            autocompletion=complete_dataset,
        ),
    ] = None,
    labels: Annotated[int, typer.Option("--labels", metavar="K", min=1, help="Number of labels.")] = 10,
    by: Annotated[str, LABELLERS.option("--by", help="What gives the labels.", key="domain.pseudo_labeller")] = "g2l",
    rule: Annotated[Rule, typer.Option("--rule", help="How distances become labels (G2L).")] = "order",
    embedding: Annotated[
        str,
        LABELLER_EMBEDDINGS.option(
            "--embedding", help="Features in which images are compared.", key="transport.embedding"
        ),
    ] = "source-classifier",
    size: ImageSize = 28,
    channels: ChannelsOption = "1",
    format: FormatOption = "imagefolder",
    root: Root = None,
    download: Download = False,
    seed: Seed = 0,
    verbose: Verbose = False,
) -> None:
    """Give images pseudo-labels, and write them as a labelled data set.

    Labels that the set already has are ignored.
    """
    from geosearch.cli.choices import labelling
    from geosearch.cli.run import report_progress
    from geosearch.data.writers.registry import find_writer
    from geosearch.pseudo_labels.labelled_dataset import label_dataset

    writer = find_writer(format)
    with report_progress(as_json=False, verbose=verbose):
        result = label_dataset(
            dataset,
            anchors or [],
            out=out,
            labelling=labelling(by, labels=labels, rule=rule, embedding=embedding),
            size=size,
            channels=int(channels),
            writer=writer,
            root=root,
            download=download,
            seed=seed,
        )
    print(result.text())
