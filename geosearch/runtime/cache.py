"""Content-addressed files: computed once, written whole or not at all, read memory-mapped, never pickled."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from geosearch.errors import StorageError
from geosearch.runtime.arrays import Arrays, read_checked_arrays, read_legacy, write_checked_arrays
from geosearch.runtime.shared_cache import Artifacts


def default_folder() -> Path:
    """``$GEOSEARCH_CACHE``, else ``$XDG_CACHE_HOME/geosearch``, else ``~/.cache/geosearch``."""
    if folder := os.environ.get("GEOSEARCH_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "geosearch"


def content_key(kind: str, **facts: object) -> str:
    """A 20-digit hexadecimal key of everything that a result depends on (JSON-representable facts)."""
    text = json.dumps({"kind": kind, **facts}, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True)
class Cache:
    """A folder of safetensors files, one per content key.

    Attributes:
        folder: of this machine, or on a disk that several share.
        artifacts: where else to look before computing, and where to put what was computed.
    """

    folder: Path
    artifacts: Artifacts | None = None

    @classmethod
    def default(cls) -> Cache:
        """Where the environment says.

        Raises:
            InvalidOptionError: ``$GEOSEARCH_ARTIFACTS`` names no place.
        """
        return cls(default_folder(), Artifacts.default())

    def path(self, kind: str, key: str) -> Path:
        return self.folder / kind / f"{key}.safetensors"

    def arrays(self, kind: str, key: str, compute: Callable[[], Mapping[str, np.ndarray]]) -> Arrays:
        """The arrays stored under `key`, memory-mapped read-only; computed and written first if absent.

        A file lock makes two processes that need the same key compute it once; the lock of a killed process
        holds nobody up. A file whose checksum is wrong is computed again, with a warning; one that was written
        before there were checksums gets one. Two machines that share artifacts only may both compute; their files
        are equal.

        Raises:
            StorageError: the folder cannot be read or written, or the artifacts cannot be read.
            StudyMismatchError: the file was written by a newer version.
        """
        path = self.path(kind, key)
        stored = read_checked_arrays(path)
        if stored is not None:
            return stored
        with _locked(path):
            stored = read_checked_arrays(path)
            if stored is None and self.artifacts and self.artifacts.fetch(f"{kind}-{path.name}", path):
                stored = read_checked_arrays(path)
            if stored is None:
                write_checked_arrays(path, read_legacy(path) or compute())
                stored = read_checked_arrays(path)
                if self.artifacts:
                    self.artifacts.offer(f"{kind}-{path.name}", path)
        if stored is None:
            raise StorageError(f"{path} could not be read back after it was written; is the disk failing?")
        return stored


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time makes this file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise StorageError(
            f"cannot write to the cache folder {path.parent}: {getattr(error, 'strerror', None) or error}; "
            "set GEOSEARCH_CACHE to a folder that can be written"
        ) from error
    try:
        yield
    finally:
        lock.release()
