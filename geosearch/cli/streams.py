"""Standard streams that take whatever is printed, whatever the terminal's encoding, and whether anybody reads it."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_ERRORS = "geosearch.similar"  # name of the error handler
_SIMILAR = {
    "µ": "u", "μ": "u", "±": "+-", "−": "-", "–": "-", "—": "-", "…": "...", "°": " deg", "×": "x", "·": "*",
    "≤": "<=", "≥": ">=", "→": "->", "‘": "'", "’": "'", "“": '"', "”": '"', "│": "|", "─": "-", "━": "-",
}  # fmt: skip


@contextmanager
def open_streams() -> Iterator[None]:
    """While a command runs: print what the encoding cannot show as similar ASCII, and stand closed streams.

    Text that is written to files is not touched. Standard streams that are closed lead to the null device, so that no
    file of ours gets their number. A reader that goes away (``| head -1``) ends the command without a message.
    """
    _occupy()
    codecs.register_error(_ERRORS, _similar)
    before = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            before.append((stream, stream.errors))
            stream.reconfigure(errors=_ERRORS)
    try:
        yield
        sys.stdout.flush()
    finally:
        for stream, errors in before:
            with suppress(OSError):  # who reads it is gone
                stream.reconfigure(errors=errors)


def drop_output() -> None:
    """Lead standard output and standard error to the null device if nobody reads them, or Python complains at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):  # a stream without a number, as tests have them
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def _occupy() -> None:
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (open as long as the process)


def _similar(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SIMILAR.get(letter, "?") for letter in error.object[error.start : error.end]), error.end
