"""Content-addressed files: computed once, written whole or not at all, read memory-mapped, never pickled."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock
from safetensors.numpy import save

from geosearch.errors import StorageError

Arrays = dict[str, np.ndarray]


def default_folder() -> Path:
    """``$GEOSEARCH_CACHE``, else ``$XDG_CACHE_HOME/geosearch``, else ``~/.cache/geosearch``."""
    if folder := os.environ.get("GEOSEARCH_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "geosearch"


def content_key(kind: str, **facts: object) -> str:
    """A 20-digit hexadecimal key of everything that a result depends on (JSON-representable facts)."""
    text = json.dumps({"kind": kind, **facts}, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary neighbour of `path`; on success sync it and rename it, on failure remove it.

    Raises:
        StorageError: the folder cannot be written or the disk is full; `path` is as it was before.
    """
    path = Path(path)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


@dataclass(frozen=True)
class Cache:
    """A folder of safetensors files, one per content key."""

    folder: Path

    @classmethod
    def default(cls) -> Cache:
        return cls(default_folder())

    def path(self, kind: str, key: str) -> Path:
        return self.folder / kind / f"{key}.safetensors"

    def arrays(self, kind: str, key: str, compute: Callable[[], Mapping[str, np.ndarray]]) -> Arrays:
        """The arrays stored under `key`, memory-mapped read-only; computed and written first if absent.

        A file lock makes two processes that need the same key compute it once. A damaged file is
        recomputed, with a warning.
        """
        path = self.path(kind, key)
        stored = _read(path)
        if stored is not None:
            return stored
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot write to the cache folder {self.folder}: {error.strerror}; "
                "set GEOSEARCH_CACHE to a folder that can be written"
            ) from error
        with FileLock(path.with_suffix(".lock")):
            stored = _read(path)
            if stored is None:
                fresh = {name: np.ascontiguousarray(array) for name, array in compute().items()}
                with atomic_write(path) as file:
                    file.write(save(fresh))
                stored = _read(path)
        if stored is None:
            raise StorageError(f"{path} could not be read back after it was written; is the disk failing?")
        return stored


_DTYPES = {
    "U8": np.uint8,
    "I64": np.int64,
    "I32": np.int32,
    "F32": np.float32,
    "F64": np.float64,
    "BOOL": np.bool_,
}


def _read(path: Path) -> Arrays | None:
    """Memory-map a safetensors file (8-byte header length, JSON header, data); None if absent or damaged."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= size - 8:
                raise ValueError("header length")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        if max((entry["data_offsets"][1] for entry in header.values()), default=0) != size - 8 - length:
            raise ValueError("file length")
        return {
            name: np.memmap(
                path,
                _DTYPES[entry["dtype"]],
                "r",
                8 + length + entry["data_offsets"][0],
                tuple(entry["shape"]),
            )
            for name, entry in header.items()
        }
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError):
        warnings.warn(f"{path} is damaged and will be computed again", RuntimeWarning, stacklevel=3)
        return None
