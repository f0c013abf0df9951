"""`geosearch distance`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from geosearch.cli.choices import DISTANCE_EMBEDDINGS, LABEL_DISTANCES
from geosearch.cli.completion import complete_dataset
from geosearch.cli.parameters import ChannelsOption, Download, ImageSize, Json, Root, Seed


def distance(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A data set, e.g. digits; 'geosearch domains' lists them.",
            autocompletion=complete_dataset,
        ),
    ],
    b: Annotated[
        str, typer.Argument(metavar="B", help="Another one, e.g. fonts/sans-digits.", autocompletion=complete_dataset)
    ],
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=1, help="At most N images of each.")] = 1000,
    labels: Annotated[
        str, LABEL_DISTANCES.option("--labels", help="Distance between two classes.", key="transport.label_distance")
    ] = "gaussian",
    embedding: Annotated[
        str,
        DISTANCE_EMBEDDINGS.option(
            "--embedding", help="Features in which images are compared.", key="transport.embedding"
        ),
    ] = "pixels",
    size: ImageSize = 28,
    channels: ChannelsOption = "1",
    root: Root = None,
    download: Download = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure the optimal transport distance (OTDD) between two data sets, and the noise floor of each."""
    from geosearch.cli.choices import embedding_named, label_distance
    from geosearch.transport.measurement import measure

    result = measure(
        a,
        b,
        samples=samples,
        labels=label_distance(labels),
        embedding=embedding_named(embedding),
        size=size,
        channels=int(channels),
        root=root,
        download=download,
        seed=seed,
    )
    print(json.dumps(result.as_dict(), indent=1) if as_json else result.text())
