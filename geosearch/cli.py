"""The command line: parse, call one function of the pipeline, print."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosearch import __version__
from geosearch.errors import GeosearchError
from geosearch.progress import Terminated

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from geosearch.pipeline import Study
    from geosearch.progress import Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 on an error of the user's, 130 when interrupted, 143 when terminated."""
    options = _parser().parse_args(arguments)
    warnings.showwarning = lambda message, *_, **__: print(f"geosearch: warning: {message}", file=sys.stderr)
    try:
        options.call(options)
    except GeosearchError as error:
        print(f"geosearch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as request:
        print("\ngeosearch: stopped; run the same command again to go on where it was", file=sys.stderr)
        return 143 if isinstance(request, Terminated) else 130
    except BrokenPipeError:
        return 0
    return 0


def _search(options: argparse.Namespace) -> None:
    from geosearch.engine import engine
    from geosearch.pipeline import Study
    from geosearch.progress import Interruptible

    with _progress(options) as voice, Interruptible(voice) as progress:
        study = Study.open(options.study, storage=options.storage, force_new=options.force_new, progress=progress)
        with engine(options.parallel):
            written = _run(study, progress, workers=options.workers)
    _conclude(study, written, options)


def _worker(options: argparse.Namespace) -> None:
    from geosearch.engine import engine
    from geosearch.pipeline import Study
    from geosearch.progress import Interruptible
    from geosearch.together import leave_on_termination

    leave_on_termination()
    with _progress(options) as voice, Interruptible(voice) as progress:
        study = Study.open(options.study, storage=options.storage, progress=progress)
        with engine(options.parallel):
            study.work(jobs=options.jobs)
    if not options.json:
        print(f"the evaluations of {study.name} are done; a search of it confirms them and writes mixture and report")


def _resume(options: argparse.Namespace) -> None:
    from geosearch.engine import engine
    from geosearch.pipeline import Study
    from geosearch.progress import Interruptible

    with _progress(options) as voice, Interruptible(voice) as progress:
        study = Study.open(options.study, storage=options.storage, progress=progress)
        total = study.file.search.evaluations + options.evaluations
        with engine(options.parallel):
            written = _run(study, progress, evaluations=total, workers=options.workers)
    _conclude(study, written, options)


def _run(study: Study, progress: Progress, evaluations: int | None = None, workers: int = 0) -> tuple[Path, Path]:
    """Run to the end; the folder of the best mixture and the report's page."""
    confirmation = study.run(evaluations=evaluations, workers=workers)
    progress.event("stage", name="writing mixture and report")
    mixture, page = study.export_best(), study.report()
    progress.event(
        "done", trial=study.best.number, verdict=confirmation.verdict(), mixture=str(mixture), report=str(page)
    )
    return mixture, page


def _conclude(study: Study, written: tuple[Path, Path], options: argparse.Namespace) -> None:
    from geosearch.status import status_text

    if not options.json:
        print(status_text(study))
        print(f"\nbest mixture written to {written[0]}\nreport written to      {written[1]}")


def _status(options: argparse.Namespace) -> None:
    from geosearch.pipeline import Study
    from geosearch.status import status_text

    study = Study.open(options.study, storage=options.storage)
    if options.json:
        print(json.dumps(study.status(), indent=1))
    else:
        print(status_text(study))


def _report(options: argparse.Namespace) -> None:
    from geosearch.pipeline import Study

    print(Study.open(options.study, storage=options.storage).report(options.out))


def _synthesize(options: argparse.Namespace) -> None:
    from geosearch.pipeline import Study
    from geosearch.progress import Sentences
    from geosearch.synthesize.export import ImageFolderWriter, NpzWriter

    writer = NpzWriter() if options.format == "npz" else ImageFolderWriter()
    study = Study.open(options.study, storage=options.storage, progress=Sentences())
    written = study.synthesize(
        options.out, size=options.size, trial=options.trial, condense=options.condense, writer=writer
    )
    print(written)


def _check(options: argparse.Namespace) -> None:
    from geosearch.check import check

    result = check(options.study)
    print(json.dumps(result.as_dict(), indent=1) if options.json else result.text())


def _domains(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from geosearch.domain.load import domains

    found = domains()
    if options.json:
        print(json.dumps([asdict(entry) for entry in found], indent=1))
        return
    for entry in found:
        count = f"{entry.images:,} images" if entry.images else "-"
        classes = f"{entry.classes} classes" if entry.classes else ""
        print(f"{entry.spec:<32} {count:>15}  {classes:<12} {entry.licence}")


def _distance(options: argparse.Namespace) -> None:
    from geosearch.measure import measure

    result = measure(
        options.a,
        options.b,
        samples=options.samples,
        labels=options.labels,
        embedding=options.embedding,
        size=options.size,
        channels=options.channels,
        seed=options.seed,
    )
    print(json.dumps(result.as_dict(), indent=1) if options.json else result.text())


def _label(options: argparse.Namespace) -> None:
    from geosearch.label import label
    from geosearch.synthesize.export import ImageFolderWriter, NpzWriter

    result = label(
        options.set,
        options.anchors,
        out=options.out,
        labels=options.labels,
        way=options.by,
        rule=options.rule,
        embedding=options.embedding,
        size=options.size,
        channels=options.channels,
        writer=NpzWriter() if options.format == "npz" else ImageFolderWriter(),
        seed=options.seed,
    )
    print(result.text())


def _curate(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from geosearch.curating import curate
    from geosearch.synthesize.export import ImageFolderWriter, NpzWriter

    with _progress(options) as progress:
        found = curate(
            options.set,
            task=options.task,
            target=options.target,
            embedding=options.embedding,
            size=options.size,
            channels=options.channels,
            seed=options.seed,
            out=options.out,
            writer=NpzWriter() if options.format == "npz" else ImageFolderWriter(),
            progress=progress,
        )
    print(json.dumps({"event": "done", **asdict(found)}) if options.json else f"{found.sentence}\n{found.out}")


def _dashboard(options: argparse.Namespace) -> None:
    from geosearch.dashboard import serve

    serve(options.study, port=options.port)


def _options(options: argparse.Namespace) -> None:
    from geosearch.options_table import options_table

    print(options_table())


def _progress(options: argparse.Namespace) -> AbstractContextManager[Progress]:
    from contextlib import nullcontext

    from geosearch.progress import JsonLines, Live, Silent

    if options.json:
        return nullcontext(JsonLines())
    return Live() if sys.stderr.isatty() else nullcontext(Silent())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="geosearch",
        description="Find, before you pay for training, the data set to pretrain on for a given target.",
        epilog="Start with: geosearch search studies/quickstart.toml",
    )
    parser.add_argument("--version", action="version", version=f"geosearch {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, call: Any, text: str, *, study: str | None = None, as_json: bool = False) -> Any:
        entry = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        entry.set_defaults(call=call)
        if study:
            entry.add_argument("study", metavar="STUDY", help=study)
        if as_json:
            entry.add_argument("--json", action="store_true", help="machine-readable output")
        return entry

    begun = "a study file (.toml), the name of a study in studies/, or a database address"
    stored = {"metavar": "URL", "help": "database address, e.g. sqlite:///studies/mnist.db"}
    spread = {"metavar": "ENGINE", "help": "where evaluations and maps are computed, e.g. dask://host:8786"}

    def more_than_one(entry: Any) -> None:
        where = entry.add_mutually_exclusive_group()
        where.add_argument(
            "--workers", type=_positive, default=0, metavar="N", help="evaluate in N worker processes on this machine"
        )
        where.add_argument("--parallel", **spread)

    entry = command(
        "search",
        _search,
        "run a study to its end: search, confirm, write mixture and report",
        study="a study file, e.g. studies/quickstart.toml",
        as_json=True,
    )
    entry.add_argument("--storage", **stored)
    entry.add_argument("--force-new", action="store_true", help="keep the old database aside and start anew")
    more_than_one(entry)

    entry = command("worker", _worker, "help to evaluate a study that others search too", study=begun, as_json=True)
    entry.add_argument("--storage", **stored)
    entry.add_argument("--jobs", type=_positive, default=1, metavar="N", help="evaluations side by side (default: 1)")
    entry.add_argument("--parallel", **spread)

    entry = command("resume", _resume, "spend more evaluations on a study", study=begun, as_json=True)
    entry.add_argument("--evaluations", type=_extra, default=0, metavar="+N", help="evaluations to add to the budget")
    entry.add_argument("--storage", **stored)
    more_than_one(entry)

    entry = command("status", _status, "say how far a study is and what it found", study=begun, as_json=True)
    entry.add_argument("--storage", **stored)

    entry = command("report", _report, "write the report page and its figures again", study=begun)
    entry.add_argument("--out", type=Path, metavar="DIR", help="default: reports/<study>")
    entry.add_argument("--storage", **stored)

    entry = command("synthesize", _synthesize, "write a mixture out as a data set", study=begun)
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
        _check,
        "estimate sizes, memory and time of a study before it runs",
        study="a study file",
        as_json=True,
    )
    command("domains", _domains, "list the data sets that can be loaded", as_json=True)

    entry = command("distance", _distance, "measure the OTDD between two data sets", as_json=True)
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

    entry = command("label", _label, "give images pseudo-labels and write them out as a labelled data set")
    entry.add_argument("set", metavar="SET", help="a data set; its labels, if it has some, are not looked at")
    entry.add_argument("--anchors", nargs="+", default=[], metavar="A", help="labelled sets to compare the images with")
    entry.add_argument("--labels", type=_positive, default=10, metavar="K", help="number of labels (default: 10)")
    entry.add_argument(
        "--by", choices=("g2l", "clusters"), default="g2l", help="geometry between the anchors' classes, or k-means"
    )
    entry.add_argument("--rule", choices=("order", "bins"), default="order", help="how distances become labels (g2l)")
    entry.add_argument("--embedding", choices=("source-net", "pca", "pixels"), default="source-net")
    entry.add_argument("--size", type=_positive, default=28, metavar="PX", help="size of comparison (default: 28)")
    entry.add_argument("--channels", type=int, choices=(1, 3), default=1)
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    entry.add_argument("--format", choices=("imagefolder", "npz"), default="imagefolder")
    entry.add_argument("--seed", type=int, default=0)

    entry = command(
        "curate", _curate, "find harmful samples of a set, weigh its samples, or extend a set from it", as_json=True
    )
    entry.add_argument("set", metavar="SET", help="the set to curate, e.g. npz:mine.npz (see: geosearch domains)")
    entry.add_argument("--task", choices=("detect", "reweight", "extend"), default="detect")
    entry.add_argument("--target", metavar="T", help="the set it is to serve, with the same classes; default: itself")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    entry.add_argument("--embedding", choices=("patches", "pca", "pixels"), default="patches", help="features")
    entry.add_argument("--size", type=_positive, default=28, metavar="PX", help="that features see (default: 28)")
    entry.add_argument("--channels", type=int, choices=(1, 3), default=1)
    entry.add_argument("--format", choices=("imagefolder", "npz"), default="imagefolder", help="of what is kept")
    entry.add_argument("--seed", type=int, default=0)

    entry = command("dashboard", _dashboard, "browse a study's trials in optuna-dashboard, on a copy", study=begun)
    entry.add_argument("--port", type=int, default=8080)

    command("options", _options, "print every key of a study file with its default and meaning")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text}")
    return number


def _extra(text: str) -> int:
    return _positive(text.removeprefix("+"))


if __name__ == "__main__":
    sys.exit(main())
