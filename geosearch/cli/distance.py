"""`geosearch distance`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from geosearch.cli.choices import DistanceEmbedding, LabelDistanceName
from geosearch.cli.completion import complete_dataset
from geosearch.cli.parameters import ChannelsOption, ImageSize, Json, Seed


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
    labels: Annotated[LabelDistanceName, typer.Option("--labels", help="Distance between classes.")] = "gaussian",
    embedding: Annotated[
        DistanceEmbedding, typer.Option("--embedding", help="Features in which images are compared.")
    ] = "pixels",
    size: ImageSize = 28,
    channels: ChannelsOption = "1",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure the optimal transport distance (OTDD) between two data sets, and the noise floor of each."""
    from geosearch.cli.choices import distance_embedding, label_distance
    from geosearch.transport.measurement import measure

    result = measure(
        a,
        b,
        samples=samples,
        labels=label_distance(labels),
        embedding=distance_embedding(embedding),
        size=size,
        channels=int(channels),
        seed=seed,
    )
    print(json.dumps(result.as_dict(), indent=1) if as_json else result.text())
