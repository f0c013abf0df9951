"""What may hold the labels of images without labels is named, with the way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from generators.image_folders import CLASSES, picture, write_flat, write_table
from PIL import Image

from geosearch.data.loaders.registry import find_loader


def yolo(folder: Path) -> None:
    for part in ("train", "val"):
        for name, label in write_flat(folder / "images" / part, 12):
            text = folder / "labels" / part / f"{Path(name).stem}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(f"{CLASSES.index(label)} 0.5 0.5 0.2 0.2\n")


def voc(folder: Path) -> None:
    for name, _ in write_flat(folder):
        (folder / f"{Path(name).stem}.xml").write_text("<annotation/>")


def coco(folder: Path) -> None:
    for part in ("train2017", "val2017"):
        pairs = write_flat(folder / part, 12)
        (folder / "annotations").mkdir(exist_ok=True)
        boxes = [{"image_id": number, "category_id": number % 3} for number in range(12)]
        images = [{"id": number, "file_name": name} for number, (name, _) in enumerate(pairs)]
        content = {"images": images, "annotations": boxes, "categories": [{"id": 0}]}
        (folder / "annotations" / f"instances_{part}.json").write_text(json.dumps(content))


def sheet(folder: Path) -> None:
    write_flat(folder)
    (folder / "classes.xlsx").write_bytes(b"PK\x03\x04")


def names(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(12):
        Image.fromarray(picture(number % 3, number)).save(folder / f"{CLASSES[number % 3]}.{number}.png")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (yolo, ".txt files beside the images (YOLO) mark places"),
        (voc, ".xml files beside the images (Pascal VOC) mark places"),
        (coco, "instances_train2017.json (COCO) has lists of annotations"),
        (sheet, "classes.xlsx may hold them; save columns 'file' and 'label' as labels.csv"),
        (names, "begin with bar, box, dot; if these are the classes, move the files into a sub-folder for each"),
    ],
)
def test_what_may_hold_the_labels_is_named(tmp_path: Path, write: Callable[[Path], None], message: str) -> None:
    write(tmp_path)
    loader = find_loader(f"imagefolder:{tmp_path}")
    assert not loader.has_labels
    assert message in loader.unlabelled_because


def test_a_table_in_the_folder_above_is_named(tmp_path: Path) -> None:
    write_table(tmp_path / "metadata.csv", [("file", "label"), *write_flat(tmp_path / "images")])
    because = find_loader(f"imagefolder:{tmp_path / 'images'}").unlabelled_because
    assert f"the folder above has metadata.csv; take it as the set: imagefolder:{tmp_path}" in because


def test_plain_images_have_no_hint(tmp_path: Path) -> None:
    write_flat(tmp_path)
    loader = find_loader(f"imagefolder:{tmp_path}")
    assert loader.unlabelled_because.endswith("or a table (labels.csv)")
