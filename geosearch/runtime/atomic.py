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

_INSIDE = "geosearch"  # begins the name of a temporary folder within the folder that is written


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

    A link is followed. An empty folder that cannot be replaced, such as a mount point, has the temporary folder inside,
    from which everything is moved up on success.

    Raises:
        OutputExistsError: `out` is a file, or a folder that is not empty.
        StorageError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    out = Path(os.path.realpath(out)) if out.is_symlink() else out.absolute()
    try:
        check_out(out)
        stays = out.exists() and not _is_replaceable(out)
        place = out / _INSIDE if stays else out
        missing = [parent for parent in out.parents if not parent.exists()]
        temporary = _temporary_name(place)
        try:
            temporary.mkdir(parents=True)
            _remove_leftovers(place)
            yield temporary
            for entry in temporary.rglob("*"):
                _sync(entry)
            _sync(temporary)
            check_out(out)  # another process may have written it meanwhile
            if stays:
                _move_up(temporary)
            else:
                if out.exists():
                    out.rmdir()
                os.replace(temporary, out)
            _sync(place.parent)
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
    """Refuse an output folder that holds something besides temporary folders of `atomic_dir`.

    Raises:
        OutputExistsError: it is a file, or a folder that is not empty.
        StorageError: it cannot be read.
    """
    try:
        is_free = not out.exists() or (out.is_dir() and all(map(_is_temporary, out.iterdir())))
    except OSError as error:
        raise StorageError(f"cannot read {out}: {error.strerror or error}; choose another folder") from error
    if not is_free:
        raise OutputExistsError(f"{out} exists and is not an empty folder; choose another folder or remove it")


def _is_replaceable(out: Path) -> bool:
    """Whether another folder can take the place of an empty one; it cannot at a mount point or in a locked folder."""
    try:
        out.rmdir()
    except OSError:
        return False
    out.mkdir()
    return True


def _is_temporary(entry: Path) -> bool:
    return entry.name.startswith(_prefix(Path(_INSIDE))) and entry.suffix == ".part"


def _move_up(folder: Path) -> None:
    """Move what a folder holds to the folder around it, all or nothing, and remove it."""
    moved: list[str] = []
    try:
        for entry in list(folder.iterdir()):
            os.replace(entry, folder.parent / entry.name)
            moved.append(entry.name)
        folder.rmdir()
    except OSError:
        for name in moved:
            os.replace(folder.parent / name, folder / name)
        raise


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
