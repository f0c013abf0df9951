"""Lives: a small real study that is killed at chosen or random moments, run again, and compared with a whole one."""

from __future__ import annotations

import functools
import hashlib
import importlib
import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

from generators.outcomes import outcome
from generators.studies import WHOLE, tiny, write_toml
from joblib.externals.loky import get_reusable_executor
from sqlalchemy import event
from sqlalchemy.engine import Engine

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT}
PLACES = {
    "data": "geosearch.data.loaders.base:Loader.read",  # a set is loaded, a glyph rendered
    "plan": "geosearch.transport.maps.barycentric:solve",
    "training": "geosearch.nn.train:minimize",
    "sync": "os:fsync",  # within a write: the temporary file is there, the rename is not
    "rename": "os:replace",
    "tell": "optuna.study:Study.tell",
    "commit": "",  # of the database
    "picture": "geosearch.report.figures.style:svg",
}
WHEN = ("before", "within", "after")


@dataclass(frozen=True)
class Kill:
    """One death: at which call of which place, how, and whether before, within or after it; or at a moment."""

    how: signal.Signals
    place: str = "moment"
    call: int = 0  # counted from 0
    when: str = "within"
    seconds: float = 0.0  # from the start (moment) or from the call (within)


def write_study(folder: Path, jobs: int = 1) -> None:
    """The study file and its sets."""
    write_toml(folder / "tiny.toml", tiny(folder, search_jobs=jobs, **WHOLE))


def live(folder: Path, kill: Kill | None = None, most_bytes: int | None = None) -> int:
    """Run the study in a child process until it ends or is killed; the child's exit code.

    No file grows beyond `most_bytes`, as if the disk were full.
    """
    child = _nursery().Process(target=_life, args=(str(folder), kill, most_bytes))
    child.start()
    if kill is not None and kill.place == "moment":
        child.join(kill.seconds)
        if child.is_alive():
            os.kill(child.pid, kill.how)
    child.join()
    return int(child.exitcode)


def count(folder: Path) -> dict[str, int]:
    """Run the study whole; how often it comes by each place."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    child = _nursery().Process(target=_count, args=(str(folder), theirs))
    child.start()
    theirs.close()
    counted = mine.recv()
    child.join()
    assert child.exitcode == 0
    return counted


def random_kill(rng: random.Random, calls: dict[str, int], length: float) -> Kill:
    """Half of the kills come at a random moment, half at a random call of a random place."""
    how = rng.choice((signal.SIGKILL, *SIGNALS))
    if rng.random() < 0.5:
        return Kill(how, seconds=rng.uniform(0.02, length))
    place = rng.choice([name for name, number in calls.items() if number])
    return Kill(how, place, rng.randrange(calls[place]), rng.choice(WHEN), rng.uniform(0, 0.05))


@dataclass(frozen=True)
class Left:
    """What a study left on the disk, as far as a rerun may not change it."""

    trials: tuple[tuple[Any, ...], ...]  # completed: round, index, role, mixture, error, long error
    running: int  # trials still called running
    exports: tuple[str, ...]  # digests of images and labels, and of the model
    best: tuple[Any, ...] | None  # one of `trials`; the database's numbers are shifted by trials that were cut off
    damaged: tuple[str, ...]  # logged warnings about files that could not be read
    parts: int  # temporary files


def left(folder: Path) -> Left:
    """Read everything that is there: database, cached arrays, exports."""
    from geosearch.runtime.arrays import read_checked_arrays
    from geosearch.runtime.cache import Cache
    from geosearch.study.study import Study

    cache, database = Cache(folder / "cache"), folder / "studies" / "tiny.db"
    log, handler = logging.getLogger("geosearch"), BufferingHandler(sys.maxsize)
    log.addHandler(handler)
    try:
        for path in cache.folder.rglob("*.safetensors"):
            read_checked_arrays(path)
    finally:
        log.removeHandler(handler)
    exports = []
    for path in folder.glob("studies/tiny/*"):
        if not path.name.startswith("."):
            digest = hashlib.sha256()
            for file in _contents(path):
                digest.update(file.relative_to(path).as_posix().encode() + file.read_bytes())
            exports.append(digest.hexdigest())
    trials, running, best = (), 0, None
    if _begun(database):
        study = Study.open(str(database), cache=cache)
        trials = tuple(outcome(trial) for trial in study.trials if trial.state == "complete")
        running = sum(not trial.state.is_finished() for trial in study.store.study.get_trials(deepcopy=False))
        best = outcome(study.best) if trials else None
    damaged = tuple(record.getMessage() for record in handler.buffer)
    return Left(trials, running, tuple(sorted(exports)), best, damaged, len(list(folder.rglob("*.part"))))


def _contents(path: Path) -> list[Path]:
    """The files of an exported mixture or of the model, whose card is whole."""
    if path.name.startswith("model"):
        assert (path / "README.md").read_text().startswith("# Classifier for ")
        return [path / "model.json", path / "model.safetensors"]
    assert (path / "CARD.md").read_text().startswith("# Mixture for target")
    rows = (path / "labels.csv").read_text().splitlines()[1:]
    return sorted((path / row.split(",")[0] for row in rows), key=str)


def check_dead(found: Left, whole: Left) -> None:
    """After a kill: everything there is whole, and every completed trial is one of the uninterrupted run's."""
    assert not found.damaged, found.damaged
    assert set(found.exports) <= set(whole.exports), "an export differs"
    places = Counter(trial[:2] for trial in found.trials)
    assert all(number == 1 for number in places.values()), "a trial was repeated"
    values = {trial[:-1] for trial in whole.trials}  # the long error comes later
    assert {trial[:-1] for trial in found.trials} <= values, "a trial differs"
    assert {trial for trial in found.trials if trial[-1] is not None} <= set(whole.trials), "a finalist differs"


def check_reborn(found: Left, whole: Left) -> None:
    """After the last rerun: nothing differs from the uninterrupted run, and nothing lies about."""
    differing = [name for name in vars(whole) if getattr(found, name) != getattr(whole, name)]
    assert not differing, differing


def _begun(database: Path) -> bool:
    """Whether a study's settings were written before the kill; before that there is nothing to open."""
    from geosearch.errors import StorageError
    from geosearch.search.study_store import stored_settings

    try:
        stored_settings(f"sqlite:///{database}")
    except StorageError as error:
        if "no study" not in str(error):
            raise
        return False
    return True


@functools.cache
def _nursery() -> Any:
    """Children are forked from a process that has imported everything once."""
    context = multiprocessing.get_context("forkserver")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    context.set_forkserver_preload(
        ["chaos.kills", "geosearch.study.study", "geosearch.cli.main", "geosearch.report.page", "torch._dynamo"]
    )
    return context


def _life(folder: str, kill: Kill | None, most_bytes: int | None) -> None:
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    if kill is not None and kill.place != "moment":
        _at(kill.place, functools.partial(_die_at, kill))
    code = _main(folder)
    get_reusable_executor().shutdown()  # a process of multiprocessing would wait until idle workers leave, 5 minutes
    sys.exit(code)


def _count(folder: str, out: Any) -> None:
    counted = dict.fromkeys(PLACES, 0)

    @contextmanager
    def one_more(place: str) -> Iterator[None]:
        counted[place] += 1
        yield

    for place in PLACES:
        _at(place, functools.partial(one_more, place))
    code = _main(folder)
    out.send(counted)
    sys.exit(code)


def _main(folder: str) -> int:
    import torch

    from geosearch.cli.main import main

    os.chdir(folder)
    os.environ["GEOSEARCH_CACHE"] = str(Path(folder) / "cache")
    torch.set_num_threads(1)
    event.listen(Engine, "connect", _hurry)
    log = open("log.txt", "a")  # noqa: SIM115
    sys.stdout = sys.stderr = log
    return main(["search", "tiny.toml", "--json"])


def _hurry(connection: Any, _: Any) -> None:
    """Processes are killed, never the machine: the database need not wait for the disk."""
    connection.execute("PRAGMA synchronous=OFF")


def _at(place: str, around: Callable[[], Any]) -> None:
    """Run a place's calls within a context."""
    if place == "commit":
        event.listen(Engine, "commit", lambda _: around().__enter__())
        return
    module, _, path = PLACES[place].partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    before = getattr(owner, name)

    @functools.wraps(before)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        with around():
            return before(*arguments, **options)

    setattr(owner, name, wrapped)


_calls: Counter[str] = Counter()


@contextmanager
def _die_at(kill: Kill) -> Iterator[None]:
    number, _calls[kill.place] = _calls[kill.place], _calls[kill.place] + 1
    if number != kill.call:
        yield
        return
    if kill.when == "before" or kill.place == "commit":
        os.kill(os.getpid(), kill.how)
    elif kill.when == "within":
        timer = threading.Timer(kill.seconds, os.kill, (os.getpid(), kill.how))
        timer.daemon = True
        timer.start()
    yield
    if kill.when == "after":
        os.kill(os.getpid(), kill.how)


def lives(folder: Path, kills: Sequence[Kill], whole: Left, jobs: int = 1) -> list[tuple[int, int]]:
    """Kill a study time after time, let it end, and check after each; exit code and completed trials of each kill."""
    write_study(folder, jobs)
    ends = []
    for kill in kills:
        code = live(folder, kill)
        assert code in CODES | {0}, (folder / "log.txt").read_text()
        found = left(folder)
        check_dead(found, whole)
        ends.append((code, len(found.trials)))
    assert live(folder) == 0, (folder / "log.txt").read_text()
    check_reborn(left(folder), whole)
    return ends
