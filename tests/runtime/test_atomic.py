"""Files and folders are whole or absent, whatever happens to the disk or to the process."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from geosearch.errors import OutputExistsError, StorageError
from geosearch.runtime.atomic import _temporary_name, atomic_dir, atomic_write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), atomic_write(path, "w") as file:  # noqa: PT012
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_a_write_is_synced_before_it_is_renamed(tmp_path, monkeypatch):
    deeds = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real: (deeds.append(name), real(*a))[1])
    with atomic_write(tmp_path / "a.txt", "w") as file:
        file.write("whole")
    assert deeds == ["fsync", "replace", "fsync"]  # the file, its name, the folder that holds the name
    deeds.clear()
    with atomic_dir(tmp_path / "set") as folder:
        (folder / "1").write_text("1")
        (folder / "2").write_text("2")
    assert deeds == ["fsync", "fsync", "fsync", "replace", "fsync"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_one_message(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(StorageError, match=f"{os.strerror(number)}; free some space or choose another folder"):  # noqa: SIM117
        with atomic_write(tmp_path / "a.txt", "w") as file:
            file.write("whole")
    with (
        pytest.raises(StorageError, match="nothing was left behind"),
        atomic_dir(tmp_path / "deep" / "set") as folder,
    ):
        (folder / "1").write_text("1")
    assert names(tmp_path) == []


def test_a_file_that_the_disk_takes_half_of_is_absent(tmp_path):
    """For real: the child may write files of a thousand bytes only."""
    script = (
        "import pathlib\nfrom geosearch.runtime.atomic import atomic_write\n"
        f"with atomic_write(pathlib.Path({str(tmp_path)!r}) / 'a') as file:\n    file.write(bytes(100_000))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "StorageError: cannot write" in child.stderr
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = _temporary_name(tmp_path / "a")
    left = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-"))
    foreign = mine.with_name(".a.0000beef-1-aa.part")  # of another machine
    for path in (mine, left, foreign):
        path.write_text("half")
    with atomic_write(tmp_path / "a") as file:
        file.write(b"whole")
    assert names(tmp_path) == sorted(["a", mine.name, foreign.name])


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(OutputExistsError), atomic_dir(tmp_path):
        pass
    assert names(tmp_path) == ["mine"]


def test_of_two_processes_that_write_one_folder_the_second_is_told_so(tmp_path):
    """Both begin while it is absent."""
    out = tmp_path / "out"
    late = atomic_dir(out)
    (late.__enter__() / "mine").write_text("late")
    with atomic_dir(out) as early:
        (early / "mine").write_text("early")
    with pytest.raises(OutputExistsError):
        late.__exit__(None, None, None)
    assert names(tmp_path) == ["out"]
    assert (out / "mine").read_text() == "early"


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed(tmp_path, exists):
    """Before, what was written was lost at the end: a link is no folder that can be removed."""
    real, link = tmp_path / "real", tmp_path / "link"
    if exists:
        real.mkdir()
    link.symlink_to(real)
    with atomic_dir(link) as folder:
        (folder / "a").write_text("whole")
    assert link.is_symlink()
    assert names(real) == ["a"]
    assert names(tmp_path) == ["link", "real"]


@pytest.fixture
def mount(tmp_path, monkeypatch):
    """An empty folder that is as busy as a mount point is, and to which nothing can be renamed from outside of it."""
    out = tmp_path / "out"
    out.mkdir()
    rmdir, replace = Path.rmdir, os.replace

    def refuse(path):
        if path == out:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        rmdir(path)

    def refuse_others(source, to):
        if (out in Path(source).parents) != (out in Path(to).parents):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, to)

    monkeypatch.setattr(Path, "rmdir", refuse)
    monkeypatch.setattr(os, "replace", refuse_others)
    return out


def test_a_mount_point_gets_the_files_all_or_nothing(mount, monkeypatch):
    with pytest.raises(RuntimeError), atomic_dir(mount) as folder:  # noqa: PT012
        (folder / "a").write_text("half")
        raise RuntimeError
    assert names(mount) == []
    replace = os.replace

    def refuse_the_second(source, to):
        if names(mount) != [folder.name]:
            monkeypatch.setattr(os, "replace", replace)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, to)

    monkeypatch.setattr(os, "replace", refuse_the_second)
    with pytest.raises(StorageError, match="nothing was left behind"), atomic_dir(mount) as folder:  # noqa: PT012
        (folder / "a").write_text("whole")
        (folder / "b").write_text("whole")
    assert names(mount) == []
    with atomic_dir(mount) as folder:
        (folder / "a").write_text("whole")
        (folder / "deep").mkdir()
        (folder / "deep" / "b").write_text("whole")
    assert names(mount) == ["a", "deep"]
    assert names(mount / "deep") == ["b"]
    assert names(mount.parent) == ["out"]


def test_what_a_killed_process_left_in_a_mount_point_does_not_close_it(mount):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with atomic_dir(mount) as folder:
        left = folder.with_name(folder.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-"))
    left.mkdir()
    with atomic_dir(mount) as folder:
        (folder / "a").write_text("whole")
    assert names(mount) == ["a"]


def test_leftovers_that_cannot_be_removed_are_left(tmp_path, monkeypatch):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = _temporary_name(tmp_path / "a")
    left = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-"))
    left.mkdir()

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with atomic_write(tmp_path / "a") as file:
        file.write(b"whole")
    assert names(tmp_path) == sorted(["a", left.name])
