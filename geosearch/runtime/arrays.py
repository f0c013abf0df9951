"""Checked arrays: NumPy arrays in safetensors files that carry a format and a checksum; never pickled."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from geosearch.errors import NewerFormatError, StorageError
from geosearch.runtime.atomic import atomic_write

LOGGER = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]

FORMAT = 2  # of the files; geosearch 0.1 wrote 0 and 1
_FORMAT, _CHECKSUM = "geosearch", "checksum"  # keys of a file's metadata
_DTYPES = {
    "U8": np.uint8,
    "I64": np.int64,
    "I32": np.int32,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "BOOL": np.bool_,
}
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def write_checked_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a file that is complete or absent, whatever happens.

    Raises:
        StorageError: the folder cannot be written or the disk is full.
    """
    fresh = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with atomic_write(path) as file:
        file.write(save(fresh, {_FORMAT: str(FORMAT), _CHECKSUM: _checksum(path, fresh)}))


def read_checked_arrays(path: Path) -> Arrays | None:
    """The arrays of a file whose checksum is right, memory-mapped read-only.

    None if it is absent, or, with a warning, damaged or written by geosearch 0.1.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "squares.safetensors"
    ...     write_checked_arrays(path, {"x": np.arange(4) ** 2})
    ...     read_checked_arrays(path)["x"].tolist()
    [0, 1, 4, 9]

    Raises:
        StorageError: the file cannot be read.
        NewerFormatError: it was written by a newer version.
    """
    try:
        arrays, metadata = _mapped(path)
        found = int(metadata.get(_FORMAT, 0))
        if found < FORMAT:
            _warn_of_old_files(path.parent.parent)
            return None
        if found == FORMAT and metadata[_CHECKSUM] == _checksum(path, arrays):
            return arrays
        if found > FORMAT:
            raise NewerFormatError.at(
                path, found=found, known=FORMAT, otherwise="set GEOSEARCH_CACHE to another folder"
            )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            f"cannot read {path} of the cache: {error.strerror or error}; make it readable, or set GEOSEARCH_CACHE "
            "to another folder"
        ) from error
    except _DAMAGE:
        pass
    LOGGER.warning("%s is damaged and will be computed again", path)
    return None


@cache
def _warn_of_old_files(folder: Path) -> None:
    """Once for each cache."""
    LOGGER.warning("the cache %s holds files of geosearch 0.1; what is needed of them is computed again", folder)


def _mapped(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Memory-map a safetensors file (8-byte header length, JSON header, data): its arrays and its metadata."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:
            raise ValueError("header length")
        header = json.loads(file.read(length))
    metadata = header.pop("__metadata__", {})
    if max((entry["data_offsets"][1] for entry in header.values()), default=0) != size - 8 - length:
        raise ValueError("file length")
    arrays: Arrays = {}
    for name, entry in header.items():
        start = 8 + length + entry["data_offsets"][0]
        arrays[name] = np.memmap(path, _DTYPES[entry["dtype"]], "r", start, tuple(entry["shape"]))
    return arrays, metadata


def _checksum(path: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Of names, dtypes, shapes and contents, and of the file's name: a file under another name is wrong, too."""
    digest = hashlib.blake2b(f"{path.parent.name}/{path.stem}".encode(), digest_size=16)
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        digest.update(arrays[name].data)
    return digest.hexdigest()
