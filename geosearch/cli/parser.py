"""Arguments: what the command line understands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from geosearch import __version__


def parser() -> argparse.ArgumentParser:
    """All commands; the one that was given is `command` of what it parses."""
    whole = argparse.ArgumentParser(
        prog="geosearch",
        description="Find, before you pay for training, the data set to pretrain on for a given target.",
        epilog="Start with: geosearch search studies/quickstart.toml",
    )
    whole.add_argument("--version", action="version", version=f"geosearch {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, text: str, *, study: str | None = None, as_json: bool = False) -> Any:
        entry = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        entry.set_defaults(command=name)
        if study:
            entry.add_argument("study", metavar="STUDY", help=study)
        if as_json:
            entry.add_argument("--json", action="store_true", help="machine-readable output")
        return entry

    begun = "a study file (.toml), the name of a study in studies/, or a database address"
    stored = {"metavar": "URL", "help": "database address, e.g. sqlite:///studies/mnist.db"}
    spread = {"metavar": "ENGINE", "help": "where evaluations and maps are computed: dask://HOST:PORT or ray"}

    def more_than_one(entry: Any) -> None:
        where = entry.add_mutually_exclusive_group()
        where.add_argument(
            "--workers", type=_positive, default=0, metavar="N", help="evaluate in N worker processes on this machine"
        )
        where.add_argument("--parallel", **spread)

    entry = command(
        "search",
        "run a study to its end: search, confirm, write mixture and report",
        study="a study file, e.g. studies/quickstart.toml",
        as_json=True,
    )
    entry.add_argument("--storage", **stored)
    entry.add_argument("--force-new", action="store_true", help="keep the old database aside and start anew")
    more_than_one(entry)

    entry = command("worker", "help to evaluate a study that others search too", study=begun, as_json=True)
    entry.add_argument("--storage", **stored)
    entry.add_argument("--jobs", type=_positive, default=1, metavar="N", help="evaluations side by side (default: 1)")
    entry.add_argument("--parallel", **spread)

    entry = command("resume", "spend more evaluations on a study", study=begun, as_json=True)
    entry.add_argument("--evaluations", type=_extra, default=0, metavar="+N", help="evaluations to add to the budget")
    entry.add_argument("--storage", **stored)
    more_than_one(entry)

    entry = command("status", "say how far a study is and what it found", study=begun, as_json=True)
    entry.add_argument("--storage", **stored)

    entry = command("report", "write the report page and its figures again", study=begun)
    entry.add_argument("--out", type=Path, metavar="DIR", help="default: reports/<study>")
    entry.add_argument("--storage", **stored)

    entry = command("synthesize", "write a mixture out as a data set", study=begun)
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    entry.add_argument("--size", type=_positive, default=1000, metavar="N", help="number of images (default: 1000)")
    entry.add_argument("--format", choices=("imagefolder", "npz"), default="imagefolder")
    entry.add_argument(
        "--condense", type=_positive, metavar="N", help="learn N images per class from the --size images, write those"
    )
    which = entry.add_mutually_exclusive_group()
    which.add_argument("--trial", type=int, metavar="K", help="number of the trial")
    which.add_argument("--best", action="store_true", help="the best trial (default)")
    entry.add_argument("--storage", **stored)

    command(
        "check",
        "estimate sizes, memory and time of a study before it runs",
        study="a study file",
        as_json=True,
    )
    command("domains", "list the data sets that can be loaded", as_json=True)

    entry = command("distance", "measure the OTDD between two data sets", as_json=True)
    entry.add_argument("a", metavar="A", help="a data set, e.g. digits (see: geosearch domains)")
    entry.add_argument("b", metavar="B", help="another one, e.g. fonts/sans-digits")
    entry.add_argument("--samples", type=_positive, default=1000, metavar="N", help="per set (default: 1000)")
    entry.add_argument(
        "--labels", choices=("gaussian", "exact", "means"), default="gaussian", help="distance between classes"
    )
    entry.add_argument("--embedding", choices=("pixels", "pca"), default="pixels", help="where it is measured")
    entry.add_argument("--size", type=_positive, default=28, metavar="PX", help="common image size (default: 28)")
    entry.add_argument("--channels", type=int, choices=(1, 3), default=1)
    entry.add_argument("--seed", type=int, default=0)

    entry = command("label", "give images pseudo-labels and write them out as a labelled data set")
    entry.add_argument("set", metavar="SET", help="a data set; its labels, if it has some, are not looked at")
    entry.add_argument("--anchors", nargs="+", default=[], metavar="A", help="labelled sets to compare the images with")
    entry.add_argument("--labels", type=_positive, default=10, metavar="K", help="number of labels (default: 10)")
    entry.add_argument(
        "--by", choices=("g2l", "clusters"), default="g2l", help="geometry between the anchors' classes, or k-means"
    )
    entry.add_argument("--rule", choices=("order", "bins"), default="order", help="how distances become labels (g2l)")
    entry.add_argument("--embedding", choices=("source-classifier", "pca", "pixels"), default="source-classifier")
    entry.add_argument("--size", type=_positive, default=28, metavar="PX", help="size of comparison (default: 28)")
    entry.add_argument("--channels", type=int, choices=(1, 3), default=1)
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    entry.add_argument("--format", choices=("imagefolder", "npz"), default="imagefolder")
    entry.add_argument("--seed", type=int, default=0)

    entry = command("curate", "find harmful samples of a set, weigh its samples, or extend a set from it", as_json=True)
    entry.add_argument("set", metavar="SET", help="the set to curate, e.g. npz:mine.npz (see: geosearch domains)")
    entry.add_argument("--task", choices=("detect", "reweight", "extend"), default="detect")
    entry.add_argument("--target", metavar="T", help="the set it is to serve, with the same classes; default: itself")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    entry.add_argument(
        "--embedding", choices=("patches", "pca", "pixels", "backbone"), default="patches", help="features"
    )
    entry.add_argument("--backbone", default="resnet18", metavar="NAME", help="torchvision's name of the network")
    entry.add_argument("--weights", metavar="FILE", help="of the backbone: a state dict, or torchvision's name of one")
    entry.add_argument("--size", type=_positive, default=28, metavar="PX", help="that features see (default: 28)")
    entry.add_argument("--channels", type=int, choices=(1, 3), default=1)
    entry.add_argument("--format", choices=("imagefolder", "npz"), default="imagefolder", help="of what is kept")
    entry.add_argument("--seed", type=int, default=0)

    entry = command("dashboard", "browse a study's trials in optuna-dashboard, on a copy", study=begun)
    entry.add_argument("--port", type=int, default=8080)

    command("options", "print every key of a study file with its default and meaning")
    return whole


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return number


def _extra(text: str) -> int:
    return _positive(text.removeprefix("+"))
