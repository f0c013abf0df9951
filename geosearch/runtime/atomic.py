"""Files and folders that are complete or absent: written under a temporary name, synced, renamed."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

from geosearch.errors import OutputExistsError, StorageError


@contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file next to `path` for writing; rename it to `path` on success, remove it on failure.

    Temporary files that killed processes left of earlier attempts are removed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "notes.txt", "w") as file:
    ...         print("complete", file=file)
    ...     (Path(folder) / "notes.txt").read_text()
    'complete\\n'

    Raises:
        StorageError: the folder cannot be written or the disk is full; `path` is as it was before.
    """
    path = Path(path)
    temporary = _temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        with temporary.open(mode.replace("w", "x"), encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        with suppress(OSError):  # no folder, no file
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_dir(out: Path) -> Iterator[Path]:
    """A temporary folder next to `out`, which is renamed to `out` on success and removed on failure.

    Raises:
        OutputExistsError: `out` is a file, or a folder that is not empty.
        StorageError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    out = out.absolute()
    try:
        check_out(out)
        missing = [parent for parent in out.parents if not parent.exists()]
        temporary = _temporary_name(out)
        try:
            temporary.mkdir(parents=True)
            _remove_leftovers(out)
            yield temporary
            for entry in temporary.rglob("*"):
                _sync(entry)
            _sync(temporary)
            check_out(out)  # another process may have written it meanwhile
            if out.exists():
                out.rmdir()
            os.replace(temporary, out)
            _sync(out.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            for parent in missing:
                if parent.exists() and not any(parent.iterdir()):
                    parent.rmdir()
            raise
    except OSError as error:
        raise StorageError(
            f"cannot write {out}: {error.strerror or error}; nothing was left behind, "
            "free some space or choose another folder"
        ) from error


def check_out(out: Path) -> None:
    """Refuse an output folder that holds something.

    Raises:
        OutputExistsError: it is a file, or a folder that is not empty.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputExistsError(f"{out} exists and is not an empty folder; choose another folder or remove it")


def backup_existing(path: Path) -> Path:
    """Rename a file or folder to the first free NAME.old-K next to it, its suffix kept; return the new path."""
    names = (path.with_name(f"{path.stem}.old-{number}{path.suffix}") for number in count(1))
    free = next(name for name in names if not name.exists())
    path.rename(free)
    return free


def _temporary_name(path: Path) -> Path:
    """A temporary name that holds this machine and process."""
    return path.with_name(f"{_prefix(path)}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.part")


def _prefix(path: Path) -> str:
    return f".{path.name[:80]}."


def _machine() -> str:
    return hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files next to `path` whose processes on this machine have ended."""
    for left in path.parent.glob("*.part"):
        if not left.name.startswith(_prefix(path)):
            continue
        machine, _, rest = left.name.removeprefix(_prefix(path)).partition("-")
        number = rest.partition("-")[0]
        if machine == _machine() and number.isdecimal() and _has_ended(int(number)):
            with suppress(OSError):  # another process removes it too, or it is another user's
                shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def _has_ended(process: int) -> bool:
    if os.name != "posix":  # on Windows, signal 0 would end the process
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _sync(path: Path) -> None:
    """Flush a file, or the list of names in a folder, to the disk."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
