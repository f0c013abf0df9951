"""`geosearch predict`: a table of all images, or one message and no table."""

from __future__ import annotations

import csv

import pytest
from generators.models import labelled, trained_model
from generators.studies import tiny, write_toml
from PIL import Image

from geosearch.cli.main import main
from geosearch.model.files import FACTS, WEIGHTS, write_model
from geosearch.study.study import Study


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working folder with models, whole and damaged, a study, and folders with and without images."""
    monkeypatch.chdir(tmp_path)
    model = trained_model()
    for name in ("mine", "cut", "changed", "without-facts", "without-weights"):
        write_model(model, tmp_path / name)
    weights = (tmp_path / "cut" / WEIGHTS).read_bytes()
    (tmp_path / "cut" / WEIGHTS).write_bytes(weights[: len(weights) // 2])
    (tmp_path / "changed" / FACTS).write_text("{}")
    (tmp_path / "without-facts" / FACTS).unlink()
    (tmp_path / "without-weights" / WEIGHTS).unlink()
    for folder in ("photos", "bare", "broken"):
        (tmp_path / folder).mkdir()
    for number, image in enumerate(labelled().images[:3]):
        Image.fromarray(image[..., 0]).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "bare" / "notes.txt").write_text("no image")
    (tmp_path / "broken" / "one.png").write_bytes(b"no image")
    (tmp_path / "letter.csv").write_text("mine")
    return tmp_path


def test_every_image_is_a_row_and_what_is_damaged_is_listed(here, capsys):
    (here / "photos" / "damaged.png").write_bytes(b"no image")
    assert main(["predict", "mine", "photos", "--out", "out.csv"]) == 0
    out = capsys.readouterr().out
    with (here / "out.csv").open(newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["0.png", "1.png", "2.png"]
    assert "3 images" in out
    assert "1 file could not be read, see out.unread.csv" in out
    assert "damaged.png" in (here / "out.unread.csv").read_text()


def test_a_folder_does_not_hide_the_study_of_its_name(here, capsys):
    (here / "fresh").mkdir()
    Study.open(write_toml(here / "fresh.toml", tiny(here, study_name="fresh")))
    assert main(["predict", "fresh", "photos", "--out", "out.csv"]) == 2
    assert "run 'geosearch resume fresh' first" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "photos"), "nowhere"),
        (("fresh", "photos"), "run 'geosearch resume fresh' first"),
        (("cut", "photos"), "write the model again"),
        (("changed", "photos"), "write the model again"),
        (("without-facts", "photos"), "write the model again"),
        (("without-weights", "photos"), "write the model again"),
        (("photos", "photos"), "holds no model"),
        (("mine", "bare"), "bare"),
        (("mine", "broken"), "none of 1 file can be read"),
        (("mine", "no-such-folder"), "no-such-folder"),
        (("mine", "~nobody-here/photos"), "there is no user 'nobody-here'"),
        (("~nobody-here/mine", "photos"), "there is no user 'nobody-here'"),
        (("mine", "x" * 300), "no data set 'xxx"),
        (("mine", f"imagefolder:{'x' * 300}"), "there is no folder xxx"),
        (("x" * 300, "photos"), "no study 'xxx"),
        (("mine", "photos", "--row", "best mixture"), "leave them out"),
        (("mine", "photos", "--out", "letter.csv"), "does not hold earlier predictions"),
        (("mine", "photos", "--out", "photos"), "photos"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(here, capsys, arguments, said):
    Study.open(write_toml(here / "fresh.toml", tiny(here, study_name="fresh")))
    given = arguments if "--out" in arguments else (*arguments, "--out", "out.csv")
    assert main(["predict", *given]) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("geosearch: ")]
    assert len(errors) == 1, captured.err
    assert said in " ".join(captured.err.split())
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not (here / "out.csv").exists()
    assert (here / "letter.csv").read_text() == "mine"
