"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geosearch.cli.choices import Channels
from geosearch.cli.completion import complete_dataset, complete_format, complete_path_or_dataset, complete_study

StudyFileArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file (.toml), a study in studies/, or an example, e.g. quickstart.",
        autocompletion=complete_study,
    ),
]
StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file (.toml), the name of a study in studies/, an example, or a database address.",
        autocompletion=complete_study,
    ),
]
DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="SET",
        help="A data set, e.g. digits or npz:mine.npz; 'geosearch domains' lists them.",
        autocompletion=complete_dataset,
    ),
]

Storage = Annotated[
    str | None,
    typer.Option("--storage", metavar="URL", help="Database address, e.g. sqlite:///studies/mnist.db."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, help="Evaluate in N worker processes on this machine."),
]
Engine = Annotated[
    str | None,
    typer.Option("--parallel", metavar="ENGINE", help="Compute evaluations and maps on dask://HOST:PORT or on ray."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print the log on standard error instead of a progress bar.")
]
OutputFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.")]
RowOption = Annotated[
    str | None,
    typer.Option("--row", metavar="NAME", help="Row of the confirmation.", show_default="the study's answer"),
]
AdaptationOption = Annotated[
    str | None,
    typer.Option(
        "--adaptation",
        metavar="NAME",
        help="Adaptation of the row.",
        show_default="the study's, or a clearly better one",
    ),
]
ImageSize = Annotated[
    int, typer.Option("--size", metavar="PX", min=1, help="Height and width at which images are compared.")
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Format of the data set, e.g. imagefolder or npz.",
        autocompletion=complete_format,
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Random seed.")]
ChannelsOption = Annotated[
    Channels, typer.Option("--channels", help="Number of channels at which images are compared; 1 drops color.")
]

TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="SET",
        help="The labelled images: a folder, a file, or a data set.",
        autocompletion=complete_path_or_dataset,
    ),
]
UnlabelledOption = Annotated[
    str | None,
    typer.Option(
        "--unlabelled",
        metavar="SET",
        help="Images of the target without labels.",
        autocompletion=complete_path_or_dataset,
    ),
]
TestOption = Annotated[
    str | None,
    typer.Option("--test", metavar="SET", help="Its test set.", autocompletion=complete_path_or_dataset),
]
SourcesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="SET",
        help="A set to pretrain on; given at least twice.",
        autocompletion=complete_path_or_dataset,
    ),
]
StudyName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the study.", show_default="that of the target")
]
Minutes = Annotated[
    float, typer.Option("--minutes", metavar="N", min=1, help="How long the study may take on this machine, about.")
]
Root = Annotated[str | None, typer.Option("--root", metavar="DIR", help="Folder of torchvision's data sets.")]
Download = Annotated[bool, typer.Option("--download", help="Let torchvision download what is missing.")]
