"""Cache: arrays in files that are named by what they were computed from; computed once, then read memory-mapped."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from geosearch.errors import StorageError
from geosearch.runtime.arrays import Arrays, read_checked_arrays, write_checked_arrays
from geosearch.runtime.duration import duration
from geosearch.runtime.shared_cache import Artifacts
from geosearch.runtime.user_folder import cache_home, expand_user

LOGGER = logging.getLogger(__name__)


def default_folder() -> Path:
    """``$GEOSEARCH_CACHE``, else ``$XDG_CACHE_HOME/geosearch``, else ``~/.cache/geosearch``.

    Where the home folder is not known, it is in the temporary folder.
    """
    if folder := os.environ.get("GEOSEARCH_CACHE"):
        return expand_user(folder)
    return cache_home() / "geosearch"


def content_key(kind: str, **facts: object) -> str:
    """A key of 20 hexadecimal digits that follows from everything that a result depends on.

    Args:
        kind: what is computed.
        facts: JSON-representable values; what is not is represented by its text.

    >>> content_key("plan", solver="exact", seed=0) == content_key("plan", seed=0, solver="exact")
    True
    """
    text = json.dumps({"kind": kind, **facts}, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True)
class Cache:
    """A folder of safetensors files, one per content key.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache, key = Cache(Path(folder)), content_key("squares", count=3)
    ...     for _ in range(2):  # the second time, it is read
    ...         arrays = cache.arrays("squares", key, lambda: print("computing") or {"x": np.arange(3) ** 2})
    computing
    >>> arrays["x"].tolist()
    [0, 1, 4]

    Attributes:
        folder: on this machine, or on a disk that several machines share.
        artifacts: shared with other machines; files are downloaded from there instead of computed, and uploaded.
    """

    folder: Path
    artifacts: Artifacts | None = None

    @classmethod
    def default(cls) -> Cache:
        """The cache that ``$GEOSEARCH_CACHE`` and ``$GEOSEARCH_ARTIFACTS`` name.

        Raises:
            InvalidOptionError: ``$GEOSEARCH_ARTIFACTS`` is neither a folder nor an S3 address.
        """
        return cls(default_folder(), Artifacts.default())

    def path(self, kind: str, key: str) -> Path:
        """The file of a key, which may not exist."""
        return self.folder / kind / f"{key}.safetensors"

    def arrays(self, kind: str, key: str, compute: Callable[[], Mapping[str, np.ndarray]]) -> Arrays:
        """The arrays stored under `key`, memory-mapped read-only; computed and written first if absent.

        Processes that need the same key at the same time compute it once: a file lock makes the others wait; a
        killed process releases its lock. A damaged file, or one of geosearch 0.1, is computed again, with a warning.
        Machines that share nothing but artifacts may both compute; their files are equal.

        Args:
            kind: sub-folder of the file.
            key: a `content_key`.
            compute: called if there is no such file.

        Raises:
            StorageError: the folder cannot be read or written, or the artifacts cannot be read.
            NewerFormatError: the file was written by a newer version.
        """
        path = self.path(kind, key)
        stored = read_checked_arrays(path)
        if stored is not None:
            LOGGER.debug("%s %s read from the cache", kind, key)
            return stored
        with _locked(path):
            stored = self._read_or_fetch(kind, path)
            if stored is None:
                start = time.perf_counter()
                write_checked_arrays(path, compute())
                LOGGER.debug("%s %s computed in %s", kind, key, duration(time.perf_counter() - start))
                stored = read_checked_arrays(path)
                if self.artifacts:
                    self.artifacts.upload(f"{kind}-{path.name}", path)
        if stored is None:
            raise StorageError(f"{path} could not be read back after it was written; is the disk failing?")
        return stored

    def find(self, kind: str, key: str) -> Arrays | None:
        """The arrays stored under `key`, here or among the artifacts; None if they are not there.

        Raises:
            StorageError, NewerFormatError: as `arrays`.
        """
        path = self.path(kind, key)
        stored = read_checked_arrays(path)
        if stored is not None or not self.artifacts:
            return stored
        with _locked(path):
            return self._read_or_fetch(kind, path)

    def _read_or_fetch(self, kind: str, path: Path) -> Arrays | None:
        stored = read_checked_arrays(path)
        if stored is None and self.artifacts and self.artifacts.fetch(f"{kind}-{path.name}", path):
            stored = read_checked_arrays(path)
        return stored


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock a file against other processes."""
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
