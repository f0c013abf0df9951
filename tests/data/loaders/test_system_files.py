"""Names of files and folders that no set consists of."""

from __future__ import annotations

import pytest

from geosearch.data.loaders.system_files import is_hidden, is_left_by_system


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX", "Icon\r", "Thumbs.db", "ehthumbs.db", "Desktop.ini", "$RECYCLE.BIN", "RECYCLER",
        "System Volume Information", "lost+found", "@eaDir", "#recycle", "@Recycle", "SYNOPHOTO_THUMB_M.jpg",
        "AlbumArt_{0F-1}_Large.jpg", "~$labels.xlsx", "#notes.png#", "7.png~", "7.jpg.crdownload", "7.jpg.part",
        "FOUND.000", "LOST.DIR", "__pycache__", "$RAB12CD.jpg", "resource.frk", "MSOCache", "_gsdata_", "venv",
        "thumbnails",
    ],
)  # fmt: skip
def test_what_systems_leave_is_known(name: str) -> None:
    assert is_left_by_system(name)


@pytest.mark.parametrize(
    "name", [".DS_Store", "._7.jpg", ".ipynb_checkpoints", ".git", ".Trash-1000", ".thumbnails", ".@__thumb"]
)
def test_hidden_names_begin_with_a_dot(name: str) -> None:
    assert is_hidden(name)


@pytest.mark.parametrize(
    "name", ["7.jpg", "thumbs", "icons", "part", "parts", "iconic.png", "found", "$5 bills", "a~b.png"]
)
def test_other_names_are_left_alone(name: str) -> None:
    assert not is_hidden(name)
    assert not is_left_by_system(name)
