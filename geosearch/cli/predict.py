"""`geosearch predict`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from geosearch.cli.completion import complete_study
from geosearch.cli.parameters import AdaptationOption, RowOption, Storage, Verbose


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A folder that 'geosearch model' wrote, or a confirmed study.",
            autocompletion=complete_study,
        ),
    ],
    images: Annotated[
        str,
        typer.Argument(
            metavar="IMAGES", help="A folder of images at any depth, one image, or a data set, e.g. npz:mine.npz."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The table that is written (CSV).")],
    row: RowOption = None,
    adaptation: AdaptationOption = None,
    storage: Storage = None,
    verbose: Verbose = False,
) -> None:
    """Predict the classes of images, with probabilities, and tell those that are unlike the target's."""
    from geosearch.cli.run import interruptible
    from geosearch.data.loaders.image_stream import open_images
    from geosearch.errors import InvalidOptionError
    from geosearch.model.files import is_model_folder, load_model
    from geosearch.model.prediction_file import predict_images
    from geosearch.study.locate import has_database
    from geosearch.study.study import Study

    with interruptible(as_json=False, verbose=verbose) as progress:
        if is_model_folder(model) or (os.path.isdir(model) and not storage and not has_database(model)):
            if row or adaptation or storage:
                raise InvalidOptionError(
                    f"{model} is a trained model; --row, --adaptation and --storage are for studies, leave them out"
                )
            trained = load_model(model)
        else:
            open_images(images, size=8)  # before a training that may take long
            opened = Study.open(model, storage=storage, must_exist=True, progress=progress)
            trained = opened.model(row=row, adaptation=adaptation)
        report = predict_images(trained, images, out, progress=progress)
    print(report.text())
