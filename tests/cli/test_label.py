"""`geosearch label`: images without labels become a data set that loads again."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs
from PIL import Image

from geosearch.cli.main import main
from geosearch.data.loaders.registry import load


@pytest.fixture(autouse=True)
def _sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i, (name, classes) in enumerate([("bare", 4), ("near", 4), ("far", 5)]):
        made = blobs(name, classes, 40, seed=i, size=12, shift=5 * i)
        labels = {} if name == "bare" else {"labels": made.labels}
        np.savez(f"{name}.npz", images=made.images, license="CC0", **labels)


ANCHORS = ("--anchor", "npz:near.npz", "--anchor", "npz:far.npz", "--size", "12")


@pytest.mark.parametrize("format", ["imagefolder", "npz"])
@pytest.mark.parametrize("way", ["g2l", "clusters"])
def test_every_image_is_written_once_with_a_label(capsys, tmp_path, format, way):
    arguments = ("label", "npz:bare.npz", *ANCHORS, "--by", way, "--labels", "6", "--embedding", "pca")
    assert main([*arguments, "--out", "out", "--format", format]) == 0
    said = capsys.readouterr().out
    assert "bare: 160 images" in said
    data = load("imagefolder:out" if format == "imagefolder" else "npz:out/out.npz")
    assert len(data.classes) == 6
    given = np.load("bare.npz")["images"]
    assert sorted(map(bytes, data.images)) == sorted(map(bytes, given))
    card = (tmp_path / "out" / "CARD.md").read_text()
    assert "pseudo-labels" in card
    assert ("near/" in card) == (way == "g2l")
    assert data.license == "CC0"


def test_pictures_are_written_at_their_own_size(tmp_path):
    (tmp_path / "loose").mkdir()
    for number, image in enumerate(np.load("bare.npz")["images"][:40]):
        Image.fromarray(image[..., 0]).resize((30, 20)).save(tmp_path / "loose" / f"{number}.png")
    assert main(["label", "imagefolder:loose", *ANCHORS, "--embedding", "pixels", "--labels", "4", "--out", "out"]) == 0
    assert load("imagefolder:out").shape == (20, 30, 1)


def test_a_folder_with_images_in_one_folder_is_labelled(tmp_path):
    (tmp_path / "one" / "2024").mkdir(parents=True)
    for number, image in enumerate(np.load("bare.npz")["images"][:40]):
        Image.fromarray(image[..., 0]).save(tmp_path / "one" / "2024" / f"{number}.png")
    assert main(["label", "imagefolder:one", *ANCHORS, "--embedding", "pixels", "--labels", "4", "--out", "out"]) == 0
    assert len(load("imagefolder:out")) == 40
    listed = (tmp_path / "out" / "samples.csv").read_text().splitlines()
    assert listed[:3] == ["image,file", "0,2024/0.png", "1,2024/1.png"]


def test_labels_that_a_set_has_are_not_looked_at(tmp_path):
    for name, labels in (("a", np.arange(160) % 2), ("b", np.arange(160) // 80)):
        np.savez(f"{name}.npz", images=np.load("bare.npz")["images"], labels=labels)
        assert main(["label", f"npz:{name}.npz", *ANCHORS, "--embedding", "pca", "--format", "npz", "--out", name]) == 0
    assert (load("npz:a/a.npz").labels == load("npz:b/b.npz").labels).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("npz:bare.npz", "--out", "out"), "without a labelled set"),
        (("npz:bare.npz", "--by", "clusters", "--out", "out"), "another embedding"),
        (("npz:none.npz", "--out", "out"), "none.npz"),
        (("npz:near.npz", "--anchor", "npz:bare.npz", "--out", "out"), "has no labels"),
        (("npz:bare.npz", *ANCHORS, "--embedding", "pixels", "--labels", "999", "--out", "out"), "from 2 to 160"),
        (("npz:bare.npz", *ANCHORS, "--embedding", "pixels", "--out", "."), "not an empty folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(capsys, tmp_path, arguments, said):
    assert main(["label", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
