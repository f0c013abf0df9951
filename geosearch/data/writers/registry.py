"""Formats by name: what `--format` offers, and the writer that a name means."""

from __future__ import annotations

from geosearch.data import writers as room
from geosearch.data.writers.base import WRITERS, Writer
from geosearch.errors import InvalidOptionError
from geosearch.runtime.registry import import_extensions


def writer_names() -> tuple[str, ...]:
    """Names of all registered formats, sorted.

    >>> writer_names()
    ('imagefolder', 'npz')
    """
    for name in dir(room):
        if name.endswith("Writer"):
            getattr(room, name)  # imports the file, which registers the class
    import_extensions()
    return tuple(sorted(WRITERS))


def find_writer(name: str) -> Writer:
    """The writer of a format, with its default options.

    >>> find_writer("npz")
    NpzWriter(compression=1)

    Raises:
        InvalidOptionError: there is no format of that name.
    """
    names = writer_names()
    if name not in WRITERS:
        raise InvalidOptionError(f"no format '{name}'; expected {' or '.join(names)}")
    return WRITERS[name]()
