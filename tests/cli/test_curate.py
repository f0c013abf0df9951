"""`geosearch curate`: three tasks from sets on disk to lists, a page and data sets that load again."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from generators.sets import blobs
from generators.studies import colored_set
from PIL import Image
from torchvision.models import resnet18

import geosearch
from geosearch.cli.main import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run `geosearch curate` below the working folder -> (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    for name, per_class, seed in (("mine", 24, 0), ("core", 5, 9)):
        made = blobs(name, 4, per_class, seed=seed, size=10)
        labels = np.where(np.arange(len(made)) % 8 == 0, (made.labels + 1) % 4, made.labels)
        np.savez(f"{name}.npz", images=made.images, labels=labels if name == "mine" else made.labels)

    def call(*arguments):
        code = main(["curate", "npz:mine.npz", "--size", "10", "--embedding", "pca", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_detect_writes_a_ranked_list_and_a_page(run, tmp_path):
    code, out, err = run("--out", "found", "--json")
    said = json.loads(out.splitlines()[-1])
    assert (code, err) == (0, "")
    listed = rows(tmp_path / "found" / "samples.csv")
    assert len(listed) == said["size"] == 96
    assert {int(row["row"]) % 8 for row in listed[:12]} == {0}
    assert sum(int(row["mislabelled"]) for row in listed) == 96 - said["kept"]
    assert "look mislabelled" in (tmp_path / "found" / "index.html").read_text()


@pytest.mark.parametrize(("task", "form"), [("reweight", "npz"), ("extend", "npz"), ("extend", "imagefolder")])
def test_what_is_kept_is_a_data_set_that_loads_again(run, tmp_path, task, form):
    code, _, _ = run("--task", task, "--target", "npz:core.npz", "--out", "kept", "--format", form)
    assert code == 0
    listed = rows(tmp_path / "kept" / "samples.csv")
    kept = [row for row in listed if float(row["weight"]) > 0]
    path = f"npz:{tmp_path}/kept/kept.npz" if form == "npz" else f"imagefolder:{tmp_path}/kept"
    again = geosearch.load(path)
    assert again.shape == (10, 10, 1)
    assert len(again) == len(kept)
    if form == "npz":
        source = np.load("mine.npz")["images"]
        order = [int(row["row"]) for row in sorted(kept, key=lambda row: int(row["image"]))]
        np.testing.assert_array_equal(again.images[..., 0], source[order][..., 0])
    assert (tmp_path / "kept" / "CARD.md").exists()


def test_what_is_kept_of_a_folder_of_images_goes_with_the_folder_it_came_from(run, tmp_path):
    mine = geosearch.load("npz:mine.npz")
    for number, (image, label) in enumerate(zip(mine.images, mine.labels, strict=True)):
        (tmp_path / "mine" / f"class-{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / "mine" / f"class-{label}" / f"{number}.png")
    assert main(["curate", "imagefolder:mine", "--task", "reweight", "--embedding", "pca", "--out", "kept"]) == 0
    assert geosearch.load("imagefolder:kept").classes == geosearch.load("imagefolder:mine").classes


def test_color_that_is_dropped_is_warned_of(run, tmp_path, capsys):
    """Sets of classes that differ in color alone would give figures that look like any others."""
    spec = colored_set(tmp_path / "colored.npz", 0, count=60)
    said = {}
    for channels in "13":
        arguments = ["curate", spec, "--size", "10", "--embedding", "pca", "--channels", channels, "--out", channels]
        assert main(arguments) == 0
        said[channels] = capsys.readouterr().err
    assert "geosearch: warning: the images of 'colored' are in color, and channels = 1 drops it" in said["1"]
    assert "color" not in said["3"].replace("colored", "")


def test_extend_needs_a_core_and_folders_are_not_overwritten(run, tmp_path):
    code, _, err = run("--task", "extend", "--out", "new")
    assert code == 2
    assert "--target" in err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    code, _, err = run("--out", "full")
    assert code == 2
    assert "full" in err
    assert not (tmp_path / "new").exists()


def test_a_backbone_without_weights_is_refused(run, tmp_path):
    code, out, err = run("--embedding", "backbone", "--out", "found")
    assert (code, out) == (2, "")
    assert "the backbone needs weights: a file with a state dict" in err
    assert not (tmp_path / "found").exists()


def test_features_may_be_those_of_a_backbone(run, tmp_path):
    torch.save(resnet18().state_dict(), "random.pt")
    code, _, err = run("--embedding", "backbone", "--weights", "./random.pt", "--out", "found")
    assert (code, err) == (0, "")
    assert len(rows(tmp_path / "found" / "samples.csv")) == 96
