"""What lies in a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from generators.image_folders import write_class, write_classes

from geosearch.data.loaders.folder_tree import scan_folder
from geosearch.data.loaders.registry import load
from geosearch.data.read_report import Reason
from geosearch.errors import InvalidDataError


def reasons(folder: Path) -> dict[str, Reason]:
    return {str(path.relative_to(folder)): reason for path, reason in scan_folder(folder).all_passed}


def test_every_kind_of_entry_has_its_reason(tmp_path: Path) -> None:
    write_class(tmp_path / "a" / "b", 0, 2)
    for name in (".hidden.png", "Thumbs.db", "notes.txt", "drawing.svg", "table.csv"):
        (tmp_path / "a" / "b" / name).write_bytes(b"x")
    (tmp_path / "a" / "b" / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "a" / "b" / "gone.txt").symlink_to("nowhere.txt")
    (tmp_path / "a" / "b" / "self.png").symlink_to("self.png")
    os.mkfifo(tmp_path / "a" / "b" / "pipe.png")
    assert [file.name for file in scan_folder(tmp_path).all_images] == ["000.png", "001.png"]
    assert reasons(tmp_path / "a" / "b") == {
        ".hidden.png": Reason.HIDDEN,
        "Thumbs.db": Reason.SYSTEM,
        "notes.txt": Reason.DOCUMENT,
        "table.csv": Reason.DOCUMENT,
        "drawing.svg": Reason.SUFFIX,
        "gone.png": Reason.BROKEN_LINK,
        "gone.txt": Reason.DOCUMENT,
        "self.png": Reason.LOOPING_LINK,
        "pipe.png": Reason.SPECIAL,
    }


def test_hidden_folders_are_not_entered_at_any_depth(tmp_path: Path) -> None:
    write_class(tmp_path / "cat", 0, 1)
    for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX"):
        write_class(tmp_path / "cat" / "more" / name, 0, 3)
    assert len(scan_folder(tmp_path).all_images) == 1
    assert sorted(reasons(tmp_path)) == [f"cat/more/{name}" for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX")]


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    write_class(tmp_path / "store" / "cats", 0, 2)
    set_ = tmp_path / "set"
    write_class(set_ / "dog", 1, 2)
    (set_ / "cat").symlink_to(tmp_path / "store" / "cats")
    (set_ / "dog" / "up").symlink_to(set_)
    (set_ / "a-first").symlink_to("dog")  # sorted before the folder itself
    (set_ / "dog" / "file.png").symlink_to(tmp_path / "store" / "cats" / "000.png")
    tree = scan_folder(set_)
    assert [(folder.name, len(folder.all_images)) for folder in tree.folders] == [("cat", 2), ("dog", 3)]
    assert reasons(set_) == {"a-first": Reason.LOOPING_LINK, "dog/up": Reason.LOOPING_LINK}


def test_two_links_to_each_other_end(tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        write_class(tmp_path / name, 0, 1)
        (tmp_path / name / "other").symlink_to(tmp_path / other)
    assert len(scan_folder(tmp_path).all_images) == 2


@pytest.fixture
def reader() -> Iterator[Path]:
    """A folder, read by somebody who may not read everything."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        os.seteuid(os.getuid())


def become_anybody() -> None:
    if os.getuid() == 0:
        os.seteuid(65534)


def test_folders_that_cannot_be_listed_are_one_error(reader: Path) -> None:
    spec = write_classes(reader, 2)
    closed = [reader / "bar", reader / "box"]
    for folder in closed:
        folder.chmod(0)
    become_anybody()
    with pytest.raises(InvalidDataError, match=r"2 folders cannot be listed: .*bar.*box.*chmod -R u\+rX"):
        load(spec)
    os.seteuid(os.getuid())
    for folder in closed:
        folder.chmod(0o755)
    reader.chmod(0)
    become_anybody()
    with pytest.raises(InvalidDataError, match="1 folder cannot be listed"):
        load(spec)


def test_files_without_permission_are_one_error_or_few_of_them_left_out(reader: Path) -> None:
    spec = write_classes(reader, 20)
    (reader / "box" / "003.png").chmod(0)
    become_anybody()
    data = load(spec)
    assert data.report is not None
    assert data.report.counts() == {Reason.UNREADABLE: 1}
    os.seteuid(os.getuid())
    (reader / "box").chmod(0o644)  # it can be listed, but nothing in it can be opened
    become_anybody()
    with pytest.raises(InvalidDataError, match=r"20 of 20 of class 'box'.*chmod -R u\+rX"):
        load(spec)
