"""The command line: parse, call one function of the pipeline, print."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geosearch.cli.log import log_to_stderr, show_log
from geosearch.cli.parser import parser
from geosearch.errors import GeosearchError
from geosearch.runtime.events import StageStarted, StudyFinished
from geosearch.runtime.progress import Terminated

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from geosearch.runtime.progress import Progress
    from geosearch.study.study import Study


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 on an error of the user's, 130 when interrupted, 143 when terminated."""
    options = parser().parse_args(arguments)
    try:
        with log_to_stderr():
            _COMMANDS[options.command](options)
    except GeosearchError as error:
        print(f"geosearch: {error}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        print(
            "geosearch: the machine ran out of memory; lower domain.size, domain.reference, domain.samples or "
            "recipe.batch, or let fewer processes run ('geosearch check' estimates what a study needs). What was "
            "finished is kept: the same command goes on",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt as request:
        print(f"\ngeosearch: stopped; {_going_on(options)} to go on where it was", file=sys.stderr)
        return 143 if isinstance(request, Terminated) else 130
    except BrokenPipeError:
        return 0
    return 0


def _going_on(options: argparse.Namespace) -> str:
    """Not every command may simply be run again."""
    if getattr(options, "force_new", False):
        return "run it again without --force-new"
    if options.command == "resume" and options.evaluations:
        return f"run 'geosearch resume {options.study}', without --evaluations,"
    return "run the same command again"


def _out_of_memory(error: Exception) -> bool:
    """NumPy says MemoryError, torch says RuntimeError, or a child of it of its own."""
    said = ("OutOfMemoryError", "can't allocate memory")
    return isinstance(error, MemoryError) or type(error).__name__ == said[0] or said[1] in str(error)


def _search(options: argparse.Namespace) -> None:
    from geosearch.runtime.parallel import engine
    from geosearch.runtime.progress import Interruptible
    from geosearch.study.study import Study

    with _progress(options) as voice, Interruptible(voice) as progress:
        study = Study.open(options.study, storage=options.storage, force_new=options.force_new, progress=progress)
        with engine(options.parallel):
            written = _run(study, progress, workers=options.workers)
    _conclude(study, written, options)


def _worker(options: argparse.Namespace) -> None:
    from geosearch.runtime.parallel import engine
    from geosearch.runtime.progress import Interruptible
    from geosearch.study.local_workers import leave_on_termination
    from geosearch.study.study import Study

    leave_on_termination()
    with _progress(options) as voice, Interruptible(voice) as progress:
        study = Study.open(options.study, storage=options.storage, progress=progress)
        with engine(options.parallel):
            study.work(jobs=options.jobs)
    if not options.json:
        print(f"the evaluations of {study.name} are done; a search of it confirms them and writes mixture and report")


def _resume(options: argparse.Namespace) -> None:
    from geosearch.runtime.parallel import engine
    from geosearch.runtime.progress import Interruptible
    from geosearch.study.study import Study

    with _progress(options) as voice, Interruptible(voice) as progress:
        study = Study.open(options.study, storage=options.storage, progress=progress)
        total = study.file.search.evaluations + options.evaluations
        with engine(options.parallel):
            written = _run(study, progress, evaluations=total, workers=options.workers)
    _conclude(study, written, options)


def _run(study: Study, progress: Progress, evaluations: int | None = None, workers: int = 0) -> tuple[Path, Path]:
    """Run to the end; the folder of the best mixture and the report's page."""
    confirmation = study.run(evaluations=evaluations, workers=workers)
    progress.event(StageStarted("writing mixture and report"))
    mixture, page = study.export_best(), study.report()
    progress.event(StudyFinished(study.best.number, confirmation.verdict(), str(mixture), str(page)))
    return mixture, page


def _conclude(study: Study, written: tuple[Path, Path], options: argparse.Namespace) -> None:
    from geosearch.report.status import status_text

    if not options.json:
        print(status_text(study.summary()))
        print(f"\nbest mixture written to {written[0]}\nreport written to      {written[1]}")


def _status(options: argparse.Namespace) -> None:
    from geosearch.report.status import status_text
    from geosearch.study.study import Study

    study = Study.open(options.study, storage=options.storage, begun=True)
    if options.json:
        print(json.dumps(study.status(), indent=1))
    else:
        print(status_text(study.summary()))


def _report(options: argparse.Namespace) -> None:
    from geosearch.study.study import Study

    print(Study.open(options.study, storage=options.storage, begun=True).report(options.out))


def _synthesize(options: argparse.Namespace) -> None:
    from geosearch.data.writers.writers import ImageFolderWriter, NpzWriter
    from geosearch.study.study import Study

    writer = NpzWriter() if options.format == "npz" else ImageFolderWriter()
    show_log(logging.INFO)
    study = Study.open(options.study, storage=options.storage, begun=True)
    written = study.synthesize(
        options.out, size=options.size, trial=options.trial, condense=options.condense, writer=writer
    )
    print(written)


def _check(options: argparse.Namespace) -> None:
    from geosearch.study.estimate import check

    result = check(options.study)
    print(json.dumps(result.as_dict(), indent=1) if options.json else result.text())


def _domains(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from geosearch.data.loaders.registry import list_datasets

    found = list_datasets()
    if options.json:
        print(json.dumps([asdict(entry) for entry in found], indent=1))
        return
    for entry in found:
        count = f"{entry.images:,} images" if entry.images else "-"
        classes = f"{entry.classes} classes" if entry.classes else ""
        print(f"{entry.spec:<32} {count:>15}  {classes:<12} {entry.license}")


def _distance(options: argparse.Namespace) -> None:
    from geosearch.cli.distance import measure

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
    from geosearch.cli.label import label
    from geosearch.data.writers.writers import ImageFolderWriter, NpzWriter

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

    from geosearch.cli.curate import curate
    from geosearch.config.build import fixed_embedding
    from geosearch.data.writers.writers import ImageFolderWriter, NpzWriter

    with _progress(options) as progress:
        found = curate(
            options.set,
            task=options.task,
            target=options.target,
            embedding=fixed_embedding(options.embedding, options.backbone, options.weights),
            size=options.size,
            channels=options.channels,
            seed=options.seed,
            out=options.out,
            writer=NpzWriter() if options.format == "npz" else ImageFolderWriter(),
            progress=progress,
        )
    print(json.dumps({"event": "done", **asdict(found)}) if options.json else f"{found.sentence}\n{found.out}")


def _dashboard(options: argparse.Namespace) -> None:
    from geosearch.cli.dashboard import serve

    serve(options.study, port=options.port)


def _options(options: argparse.Namespace) -> None:
    from geosearch.config.reference import options_table

    print(options_table())


def _progress(options: argparse.Namespace) -> AbstractContextManager[Progress]:
    from contextlib import nullcontext

    from geosearch.runtime.progress import JsonLines, Live, Log

    if options.json:
        return nullcontext(JsonLines())
    show_log(logging.INFO)
    return Live() if sys.stderr.isatty() else nullcontext(Log())


_COMMANDS = {
    "search": _search,
    "worker": _worker,
    "resume": _resume,
    "status": _status,
    "report": _report,
    "synthesize": _synthesize,
    "check": _check,
    "domains": _domains,
    "distance": _distance,
    "label": _label,
    "curate": _curate,
    "dashboard": _dashboard,
    "options": _options,
}


if __name__ == "__main__":
    sys.exit(main())
