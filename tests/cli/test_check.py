"""A target that cannot be used: one clear message, exit code 2, and nothing is made or changed."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from generators.photographs import photographs

from geosearch.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Ten labelled images, two sources, and all that may be wrong beside them."""
    monkeypatch.chdir(tmp_path)
    sets = {
        "mine": {"bolt": 4, "nut": 6},
        "a": {"x": 12, "y": 12},
        "b": {"x": 12, "y": 12},
        "other": {"bolt": 2, "screw": 2},
        "one": {"bolt": 5},
        "shared": {"bolt": 3, "nut": 3},
    }
    for number, (name, classes) in enumerate(sets.items()):
        photographs(tmp_path / name, classes, side=(20, 20), seed=number)
    files = sorted(path.relative_to(tmp_path) for path in (tmp_path / "mine").rglob("*.*"))
    for name in ("loose", "bare"):
        (tmp_path / name).mkdir()
    for file in files:
        shutil.copy(file, tmp_path / "loose" / f"{file.parent.name}-{file.name}")
    (tmp_path / "bare" / "notes.txt").write_text("no image")
    shutil.copy(files[0], tmp_path / "shared" / "bolt" / "again.png")
    write("none.csv", ("file", "label"), [(file, "") for file in files])
    write("bolts.csv", ("file", "label"), [(file, "bolt") for file in files])
    write("sizes.csv", ("file", "width", "height"), [(file, 20, 20) for file in files])
    write("gone.csv", ("file", "label"), [*((file, file.parent.name) for file in files), ("lost.png", "nut")])
    return tmp_path


def write(name: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with Path(name).open("w", newline="") as table:
        csv.writer(table).writerows([header, *rows])


@pytest.mark.parametrize("command", ["check", "search"])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"target": "imagefolder:loose"}, "has no label at all: its images lie directly in the folder"),
        ({"target": "labels_table:none.csv"}, "has no label at all: no row of the table has a class"),
        ({"target": "imagefolder:one"}, "too few sub-folders with images ('bolt'); expected one per class, at least 2"),
        ({"target": "labels_table:bolts.csv"}, "one class only; a labelled set needs at least two"),
        ({"target": "labels_table:sizes.csv"}, "no column is called label or class (it has file, width, height)"),
        ({"target": "labels_table:gone.csv?label=kind"}, "has no column 'kind'; it has file, label"),
        ({"target": "labels_table:gone.csv"}, "names 1 file that is not there: lost.png"),
        ({"unlabelled": "imagefolder:bare"}, "bare has no image that can be read, at any depth"),
        ({"test": "imagefolder:other"}, "has classes that the labels of 'mine' lack: screw"),
        ({"test": "imagefolder:shared"}, "are labelled images of 'mine' too (bolt/again.png)"),
    ],
)
def test_what_is_wrong_with_a_target_is_said_in_one_sentence(capsys, folder, command, keys, said):
    domain = {"target": "imagefolder:mine", **keys}
    lines = [f'{key} = "{value}"' for key, value in domain.items()]
    sources = 'sources = ["imagefolder:a", "imagefolder:b"]'
    Path("study.toml").write_text(
        "\n".join(["[study]", 'name = "bad"', "[domain]", *lines, sources, "size = 16", "channels = 3"])
    )
    before = sorted(folder.rglob("*"))
    assert main([command, "study.toml"]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("stage: ")]
    assert len(errors) == 1
    assert errors[0].startswith("geosearch: ")
    assert said in errors[0]
    assert len(errors[0]) < 500
    made = {path.parts[len(folder.parts)] for path in {*folder.rglob("*")} - {*before}}
    assert made <= {"studies"}
