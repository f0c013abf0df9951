"""The images to label next: a sheet and a table, from a study's own features."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from generators.sets import blobs
from generators.studies import encoded_file, tiny_file
from PIL import Image

from geosearch.cli.main import main
from geosearch.errors import InvalidOptionError, OutputExistsError
from geosearch.study import next_labels
from geosearch.study.next_labels import SHEET, TABLE, choose_next_labels
from geosearch.study.study import Study


def write_folder(folder: Path) -> str:
    """An image folder of four classes."""
    made = blobs("target", 4, 40, size=12)
    for row, (image, label) in enumerate(zip(made.images, made.labels, strict=True)):
        place = folder / f"class {label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).resize((18, 24)).save(place / f"{row:03d}.png")
    return f"imagefolder:{folder}"


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study.open(tiny_file(tmp_path), storage=f"sqlite:///{tmp_path}/study.db")


def test_a_table_of_rows_to_fill_in_with_the_known_labels_below(study, tmp_path):
    found = choose_next_labels(study, count=7, out=tmp_path / "next")
    rows = rows_of(tmp_path / "next" / TABLE)
    assert [row["row"] for row in rows[:7]] == list(found.names)
    assert {row["label"] for row in rows[:7]} == {""}
    shots = study.prepared.target.rows["shots"]
    assert [(int(row["row"]), row["label"]) for row in rows[7:]] == [
        (number, str(study.prepared.train.labels[number])) for number in shots
    ]
    assert not {*map(int, found.names)} & {*shots, *study.prepared.target.rows["test"]}
    assert Image.open(tmp_path / "next" / SHEET).size > (800, 400)
    assert found.strategy == "typical"


def test_a_folder_that_is_not_empty_is_refused_before_the_data_are_prepared(study, tmp_path):
    with pytest.raises(OutputExistsError):
        choose_next_labels(study, count=7, out=tmp_path)
    assert "prepared" not in vars(study)


def test_files_are_named_from_the_table_on(tmp_path):
    spec = write_folder(tmp_path / "photos")
    file = tiny_file(tmp_path, domain_target=spec)
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db")
    found = choose_next_labels(study, count=3, out=tmp_path / "deep" / "next", strategy="random")
    rows = rows_of(tmp_path / "deep" / "next" / TABLE)
    assert all((tmp_path / "deep" / "next" / row["file"]).is_file() for row in rows)
    assert all(f"/{row['label']}/" in row["file"] for row in rows[3:])
    assert f"fill in the column 'label' of {tmp_path / 'deep' / 'next' / TABLE}" in found.text
    assert found.strategy == "random"


def test_unlabelled_images_of_ones_own_are_chosen_by_their_files(tmp_path):
    shutil.move(write_folder(tmp_path / "all").partition(":")[2], tmp_path / "unsorted")
    for label in range(4):
        (tmp_path / "mine" / f"class {label}").mkdir(parents=True)
        for file in sorted((tmp_path / "unsorted" / f"class {label}").iterdir())[: label + 2]:
            shutil.move(file, tmp_path / "mine" / f"class {label}" / file.name)
    domain = {"target": f"imagefolder:{tmp_path}/mine", "unlabelled": f"imagefolder:{tmp_path}/unsorted"}
    file = tiny_file(tmp_path, domain_shots=None, **{f"domain_{key}": value for key, value in domain.items()})
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db")
    choose_next_labels(study, count=6, out=tmp_path / "next")
    rows = rows_of(tmp_path / "next" / TABLE)
    assert [row["file"].startswith("../unsorted/") for row in rows] == [True] * 6 + [False] * 14
    assert all((tmp_path / "next" / row["file"]).is_file() for row in rows)
    assert all(f"/{row['label']}/" in row["file"] for row in rows[6:])


def test_without_unlabelled_images_there_is_nothing_to_choose(tmp_path):
    file = tiny_file(tmp_path, domain_shots=None)
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db")
    with pytest.raises(InvalidOptionError, match=r"domain\.unlabelled"):
        choose_next_labels(study, count=1, out=tmp_path / "next")


def test_equal_studies_choose_equally(study, tmp_path):
    first, second = (choose_next_labels(study, count=5, out=tmp_path / name).names for name in "ab")
    assert first == second


def test_more_images_than_there_are_is_refused(study, tmp_path):
    with pytest.raises(InvalidOptionError, match="lower --count"):
        choose_next_labels(study, count=1000, out=tmp_path / "next")
    assert not (tmp_path / "next").exists()


def test_without_networks_that_label_it_is_the_embedding_that_compares(tmp_path):
    file = tiny_file(tmp_path, domain_pseudo_labels="nearest")
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db")
    assert len(np.unique(choose_next_labels(study, count=5, out=tmp_path / "next").names)) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none",), "no study 'none'"),
        (("tiny", "--strategy", "typicel"), "'typicel' is not one of"),
        (("tiny", "--count", "0"), "--count"),
        (("tiny", "--count", "999"), "lower --count"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    Study.open(tiny_file(tmp_path))
    assert main(["next", *arguments, "--out", "next"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "next").exists()


def test_the_command_prints_where_to_look(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    Study.open(tiny_file(tmp_path))
    assert main(["next", "tiny", "--count", "4", "--out", "next"]) == 0
    assert "4 of 108 unlabelled images" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "next").iterdir()) == [TABLE, SHEET]


def test_file_names_that_are_not_valid_unicode_do_not_stop_it(tmp_path):
    spec = write_folder(tmp_path / "photos")
    for file in sorted((tmp_path / "photos").rglob("*.png")):
        file.rename(file.with_name(f"caf\udce9 {file.name}"))
    study = Study.open(tiny_file(tmp_path, domain_target=spec), storage=f"sqlite:///{tmp_path}/study.db")
    choose_next_labels(study, count=3, out=tmp_path / "next", strategy="random")
    table = (tmp_path / "next" / TABLE).read_text(encoding="utf-8", errors="surrogateescape")
    first = next(csv.DictReader(table.splitlines()))["file"]
    assert (tmp_path / "next" / first).exists()


def test_pictures_are_shown_where_the_study_has_activations(tmp_path, cache, monkeypatch):
    shown = []
    draw = next_labels.draw_contact_sheet
    monkeypatch.setattr(
        next_labels, "draw_contact_sheet", lambda images, names: shown.extend(images) or draw(images, names)
    )
    study = Study.open(encoded_file(tmp_path), storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    choose_next_labels(study, count=3, out=tmp_path / "next", strategy="random")
    assert {image.shape for image in shown} == {(16, 16, 3)}
