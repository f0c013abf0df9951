"""The arena: one command on one bad input, watched for tracebacks, hangs, greed, and writes outside its folder."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geosearch.cli.main import main

LIMIT_SECONDS = 10.0  # of computing; a machine that is busy with other things may take longer for it
_LIMIT_WAITING = 60.0
_GREED_BYTES = 4 * 2**30  # of address space beyond what the process has already
_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
_NEVER = {"pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"}


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, what it said, and what is wrong with that ("" if nothing)."""

    code: int | None
    said: str
    seconds: float
    problem: str


class Hang(BaseException):
    """Not over in time; no `except Exception` swallows it."""


def run(arguments: list[str], folder: Path, *, secret: str = "", limit: float = LIMIT_SECONDS) -> Outcome:
    """One command in this process, within `folder`.

    Args:
        arguments: of the command line.
        folder: the working folder, outside of which nothing may be written.
        secret: a word that may not be said.
        limit: seconds of computing.
    """
    said = io.StringIO()
    code, problem, start = None, "", time.monotonic()
    try:
        with _guarded(folder, limit) as deeds, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(arguments)
    except Hang:
        problem = f"a hang: {traceback.format_exc()}"
    except BaseException:
        problem = traceback.format_exc()
    seconds = time.monotonic() - start
    text = said.getvalue()
    if not problem:
        problem = _judged(code, text, deeds, secret)
    return Outcome(code, text, seconds, problem)


def _judged(code: int | None, said: str, deeds: list[str], secret: str) -> str:
    if code not in (0, 2):
        return f"exit code {code}: {said}"
    if code == 2 and not said.strip():
        return "exit code 2 without a word"
    if "Traceback" in said:
        return said
    if secret and secret in said:
        return f"the secret is said: {said}"
    return "; ".join(deeds)


@contextlib.contextmanager
def _guarded(folder: Path, limit: float) -> Iterator[list[str]]:
    """Watch files, time and memory; what was done that must not be done is in the list afterwards."""
    before, handler = os.getcwd(), signal.signal(signal.SIGALRM, _clock(limit))
    limits, shown = resource.getrlimit(resource.RLIMIT_AS), warnings.showwarning
    cache = os.environ.get("GEOSEARCH_CACHE")
    _Watch.start(folder)
    os.chdir(folder)
    os.environ["GEOSEARCH_CACHE"] = str(folder / "cache")
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + _GREED_BYTES, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)
    try:
        yield _Watch.deeds
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        warnings.showwarning = shown
        _Watch.stop()
        os.chdir(before)
        os.environ.pop("GEOSEARCH_CACHE") if cache is None else os.environ.update(GEOSEARCH_CACHE=cache)


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _clock(limit: float) -> Callable[..., None]:
    computed, started = time.process_time(), time.monotonic()

    def tick(*_: object) -> None:
        if time.process_time() - computed > limit or time.monotonic() - started > limit + _LIMIT_WAITING:
            raise Hang

    return tick


class _Watch:
    """An audit hook; Python has no way to take one off, so it is switched."""

    folder = ""
    deeds: list[str] = []  # noqa: RUF012
    hooked = False

    @classmethod
    def start(cls, folder: Path) -> None:
        cls.folder, cls.deeds = os.path.realpath(folder), []
        if not cls.hooked:
            cls.hooked = True
            sys.addaudithook(cls._hook)

    @classmethod
    def stop(cls) -> None:
        cls.folder = ""

    @classmethod
    def _hook(cls, event: str, arguments: tuple[Any, ...]) -> None:
        if not cls.folder:
            return
        if event in _NEVER:
            cls.deeds.append(f"{event} {arguments}")
        elif event in _CHANGES or (event == "open" and _writes(arguments)):
            cls._note(event, arguments[0])
        elif event == "sqlite3.connect" and arguments[0] != ":memory:":
            cls._note(event, str(arguments[0]).removeprefix("file:").partition("?")[0])
        elif event == "socket.connect" and not _is_local(arguments[1]):
            cls.deeds.append(f"{event} {arguments[1]}")

    @classmethod
    def _note(cls, event: str, path: Any) -> None:
        if isinstance(path, int) or str(path) in ("", os.devnull):
            return
        real = os.path.realpath(os.fsdecode(path))
        if not real.startswith(cls.folder + os.sep) and real != cls.folder and "__pycache__" not in real:
            cls.deeds.append(f"{event} outside: {real}")


def _writes(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))


def _is_local(address: Any) -> bool:
    return not isinstance(address, tuple) or str(address[0]) in ("127.0.0.1", "::1", "localhost")
