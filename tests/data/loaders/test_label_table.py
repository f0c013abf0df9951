"""Labels in a table beside the images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from generators.image_folders import CLASSES, picture, write_class, write_classes, write_flat, write_table
from PIL import Image

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.registry import find_loader, load
from geosearch.data.read_report import Reason
from geosearch.errors import InvalidDataError

Pairs = list[tuple[str, str]]


def check(data: LabelledSet, count: int = 18) -> None:
    """The pictures of `write_flat`, each with its class."""
    assert data.classes == CLASSES
    assert len(data) == count
    for name, image in ((name, data.images[data.labels == number]) for number, name in enumerate(CLASSES)):
        light = (image[..., 0] > 150).sum((1, 2))  # pixels of the bar, the box and the dot
        low, high = {"bar": (10, 20), "box": (30, 40), "dot": (3, 6)}[name]
        assert ((light >= low) & (light <= high)).all(), (name, light)


def hugging_face_csv(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    write_table(
        folder / "metadata.csv", [("file_name", "label"), *((f"images/{name}", label) for name, label in pairs)]
    )


def hugging_face_jsonl(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    lines = [json.dumps({"text": "a caption", "file_name": f"images/{name}", "label": label}) for name, label in pairs]
    (folder / "metadata.jsonl").write_text("\n".join(lines))


def table_among_the_images(folder: Path) -> None:
    pairs = write_flat(folder)
    write_table(folder / "labels.csv", [("filename", "class"), *pairs])


def other_words(folder: Path) -> None:
    pairs = write_flat(folder / "pictures")
    rows = [(row, f".\\pictures\\{name}", label) for row, (name, label) in enumerate(pairs)]
    write_table(folder / "index.csv", [("nr", "Image Path", "Category"), *rows])


def names_without_suffix(folder: Path) -> None:
    pairs = write_flat(folder / "train")
    write_table(folder / "train_labels.csv", [("id", "breed"), *((name[:-4], label) for name, label in pairs)], ";")


def another_suffix(folder: Path) -> None:
    pairs = write_flat(folder / "jpg")
    write_table(
        folder / "labels.tsv", [("image", "label"), *((f"{name[:-4]}.jpg", label) for name, label in pairs)], "\t"
    )


def names_without_zeros(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    write_table(folder / "labels.csv", [("id", "label"), *((int(name[:-4]), label) for name, label in pairs)])


def numbers_as_floats(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    write_table(folder / "labels.csv", [("id", "label"), *((float(name[:-4]), label) for name, label in pairs)])


def names_in_other_letters(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    for name, _ in pairs:
        (folder / "images" / name).rename(folder / "images" / f"IMG_{name}")
    write_table(
        folder / "labels.csv", [("image", "label"), *((f"img_{int(name[:-4])}", label) for name, label in pairs)]
    )


def no_header(folder: Path) -> None:
    write_table(folder / "labels.csv", write_flat(folder / "images"))


def a_column_for_each_class(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    rows = [(name[:-4], *(float(label == one) for one in CLASSES)) for name, label in pairs]
    write_table(folder / "GroundTruth.csv", [("image", *CLASSES), *rows])


def masks_beside(folder: Path) -> None:
    hugging_face_csv(folder)
    write_class(folder / "masks", 0, 3, start=100)


def absolute_paths(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    write_table(
        folder / "a.csv", [("path", "species"), *((f"/home/me/set/images/{name}", label) for name, label in pairs)]
    )


def list_of_files(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    (folder / "labels.txt").write_text("".join(f"images/{name} {label}\n" for name, label in pairs))


def json_object(folder: Path) -> None:
    (folder / "labels.json").write_text(json.dumps(dict(write_flat(folder / "images"))))


def json_pairs(folder: Path) -> None:
    (folder / "labels.json").write_text(json.dumps({"labels": write_flat(folder)}))


def json_records(folder: Path) -> None:
    pairs = write_flat(folder / "images")
    (folder / "annotations.json").write_text(json.dumps([{"image": name, "category": label} for name, label in pairs]))


LAYOUTS = [
    names_without_zeros,
    numbers_as_floats,
    names_in_other_letters,
    list_of_files,
    json_object,
    json_pairs,
    json_records,
    hugging_face_csv, hugging_face_jsonl, table_among_the_images, other_words, names_without_suffix, another_suffix,
    no_header,    a_column_for_each_class, masks_beside, absolute_paths,
]  # fmt: skip


@pytest.mark.parametrize("write", LAYOUTS)
def test_published_layouts_are_read(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    loader = find_loader(f"imagefolder:{tmp_path}")
    assert (loader.has_labels, loader.has_test) == (True, False)
    data = loader.read_labelled()
    check(data)
    assert data.report is not None
    assert "the labels are from" in data.report.notes[-1]


def test_parts_with_a_table_each(tmp_path: Path) -> None:
    for part, count in (("train", 18), ("test", 6)):
        pairs = write_flat(tmp_path / part / "images", count)
        write_table(tmp_path / part / "metadata.csv", [("file_name", "label"), *((f"images/{n}", c) for n, c in pairs)])
    check(load(f"imagefolder:{tmp_path}"))
    check(load(f"imagefolder:{tmp_path}", part="test"), 6)


def test_parts_with_tables_beside_them(tmp_path: Path) -> None:
    write_table(tmp_path / "train.csv", [("id", "label"), *write_flat(tmp_path / "train")])
    write_flat(tmp_path / "test", 6)
    write_table(tmp_path / "test.csv", [("id",), *((f"{number:03}.png",) for number in range(6))])
    loader = find_loader(f"imagefolder:{tmp_path}")
    check(loader.read_labelled())
    assert not loader.has_test
    write_table(tmp_path / "test.csv", [("id", "label"), *((f"{i:03}.png", CLASSES[i % 3]) for i in range(6))])
    check(load(f"imagefolder:{tmp_path}", part="test"), 6)


def test_parts_named_in_a_column(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images")
    rows = [(name, label, "Train" if number < 12 else "Test") for number, (name, label) in enumerate(pairs)]
    write_table(tmp_path / "labels.csv", [("file", "label", "split"), *rows])
    check(load(f"imagefolder:{tmp_path}"), 12)
    check(load(f"imagefolder:{tmp_path}", part="test"), 6)


def test_images_whose_row_names_no_part_are_for_training_and_those_of_further_parts_are_counted(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images")
    parts = ["train"] * 6 + [""] * 3 + ["test"] * 6 + ["val"] * 2
    rows = [(name, label, part) for (name, label), part in zip(pairs, parts, strict=False)]  # the last has no row
    write_table(tmp_path / "labels.csv", [("file", "label", "split"), *rows])
    data = load(f"imagefolder:{tmp_path}")
    check(data, 9)
    check(load(f"imagefolder:{tmp_path}", part="test"), 6)
    assert data.report is not None
    assert data.report.counts() == {Reason.OTHER_PART: 2, Reason.UNLISTED: 1}


def test_what_table_and_folder_lack_of_each_other_is_counted(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images")
    rows = [*pairs[2:16], (pairs[16][0], ""), ("gone.png", "bar"), (pairs[17][0], pairs[17][1])]
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows])
    data = load(f"imagefolder:{tmp_path}")
    check(data, 15)
    assert data.report is not None
    assert data.report.counts() == {Reason.UNLISTED: 3}
    assert "1 of its rows name images that are not there (gone.png)" in data.report.notes[0]


def test_few_damaged_images_of_a_table_are_left_out(tmp_path: Path) -> None:
    write_table(tmp_path / "labels.csv", [("file", "label"), *write_flat(tmp_path / "images", 60)])
    (tmp_path / "images" / "004.png").write_bytes(b"")
    data = load(f"imagefolder:{tmp_path}")
    check(data, 59)
    assert data.report is not None
    assert data.report.counts("box") == {Reason.EMPTY: 1}


def test_numbers_are_classes_in_their_order(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images", 24)
    rows = [(name, f"{number % 12}.0") for number, (name, _) in enumerate(pairs)]
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows])
    assert load(f"imagefolder:{tmp_path}").classes == tuple(map(str, range(12)))


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        (("file", "cat", "dog", "emu"), lambda i: (i % 2, 1, 0), "several labels, or none, for 9 of 18 images"),
        (("file", "label"), lambda i: ("cat|dog" if i == 4 else ("cat", "dog")[i % 2],), "several labels to an image"),
        (("file", "target"), lambda i: (i / 7,), "18 different labels for 18 images, which are no classes"),
        (("file", "width", "height"), lambda i: (i, 12), "no column is called label or class"),
    ],
)
def test_a_table_that_gives_no_class_says_why(
    tmp_path: Path, header: tuple[str, ...], cells: Callable[[int], tuple[object, ...]], message: str
) -> None:
    pairs = write_flat(tmp_path / "images")
    write_table(tmp_path / "labels.csv", [header, *((name, *cells(i)) for i, (name, _) in enumerate(pairs))])
    loader = find_loader(f"imagefolder:{tmp_path}")
    assert not loader.has_labels
    assert len(loader.read()) == 18
    with pytest.raises(InvalidDataError, match=f"has no labels: .*labels.csv.*{message}"):
        loader.read_labelled()


@pytest.mark.parametrize("name", ["label", "class", "category"])
def test_a_label_of_each_class_is_enough_where_the_column_says_so(tmp_path: Path, name: str) -> None:
    pairs = write_flat(tmp_path / "images", 3)
    rows = [(file, label) for (file, _), label in zip(pairs, ("cat", "dog", "cat"), strict=True)]
    for labels in (rows, [(file, f"kind {number}") for number, (file, _) in enumerate(pairs)]):
        write_table(tmp_path / "labels.csv", [("file", name), *labels])
        data = load(f"imagefolder:{tmp_path}")
        assert len(data) == 3
        assert set(data.classes) == {label for _, label in labels}


def test_measurements_called_labels_are_no_classes(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images", 18)
    write_table(tmp_path / "labels.csv", [("file", "label"), *((file, row / 7) for row, (file, _) in enumerate(pairs))])
    with pytest.raises(InvalidDataError, match="18 different labels for 18 images, which are no classes"):
        find_loader(f"imagefolder:{tmp_path}").read_labelled()


def test_a_table_of_other_images_is_an_error(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path)
    rows = [(f"scan-{number}", label) for number, (_, label) in enumerate(pairs, 50)]
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows])
    loader = find_loader(f"imagefolder:{tmp_path}")
    message = r"none of its rows names an image: it names scan-50, scan-51, and the images are 000.png, 001.png"
    with pytest.raises(InvalidDataError, match=message):
        loader.read()
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows, pairs[0]])
    with pytest.raises(InvalidDataError, match="only 1 of its 19 rows name an image"):
        find_loader(f"imagefolder:{tmp_path}").read()
    assert len(loader.read_unlabelled()) == 18  # who wants no labels does without the table
    write_table(tmp_path / "labels.csv", [("file", "size"), ("a", 1)])
    (tmp_path / "labels.csv").rename(tmp_path / "sizes.csv")
    assert not find_loader(f"imagefolder:{tmp_path}").has_labels  # a table of something else


def test_numbers_that_mean_two_images_match_none(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images", 6)
    for name, _ in pairs:
        (tmp_path / "images" / name).rename(tmp_path / "images" / f"0{name}")
    pairs = write_flat(tmp_path / "images", 6)
    write_table(tmp_path / "labels.csv", [("id", "label"), *((int(name[:-4]), label) for name, label in pairs)])
    with pytest.raises(InvalidDataError, match="none of its rows names an image"):
        load(f"imagefolder:{tmp_path}")


def test_class_folders_do_without_a_table_of_other_images(tmp_path: Path) -> None:
    spec = write_classes(tmp_path, 6)
    write_table(tmp_path / "labels.csv", [("file", "label"), ("other.png", "x"), ("further.png", "y")])
    assert load(spec).classes == CLASSES


def test_an_image_with_two_rows_needs_one_label(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images")
    write_table(tmp_path / "labels.csv", [("file", "label"), *pairs, ("000.png", "dot"), *pairs[:3]])
    with pytest.raises(InvalidDataError, match=r"several labels to an image \(000\.png\)"):
        load(f"imagefolder:{tmp_path}")


def test_class_folders_come_before_tables_that_say_the_same_or_little(tmp_path: Path) -> None:
    spec = write_classes(tmp_path, 6)
    alike = [(f"{name}/{i:03}.png", number) for number, name in enumerate(CLASSES) for i in range(6)]
    for header, rows in (
        (("file", "label"), alike),
        (("file", "label"), alike[:6]),
        (("file", "weight"), [(name, i % 2) for i, (name, _) in enumerate(alike)]),
    ):
        write_table(tmp_path / "metadata.csv", [header, *rows])
        assert load(spec).classes == CLASSES


def test_equal_names_in_two_folders_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    rows = []
    for part in ("left", "right"):
        rows += [(f"{part}/{name}", label) for name, label in write_flat(tmp_path / "images" / part, 6)]
    write_table(tmp_path / "images" / "labels.csv", [("file", "label"), *rows])
    check(load(f"imagefolder:{tmp_path}"), 12)


@pytest.mark.parametrize("start", ["", "./", "/home/me/set/"])
def test_a_row_of_a_folder_that_is_not_there_labels_no_file_of_another_folder(tmp_path: Path, start: str) -> None:
    pairs = write_flat(tmp_path / "site-a", 20)
    rows = [(f"{start}site-{'a' if row < 14 else 'b'}/{name}", label) for row, (name, label) in enumerate(pairs)]
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows])
    data = load(f"imagefolder:{tmp_path}")
    check(data, 14)
    assert data.report is not None
    assert data.report.counts() == {Reason.UNLISTED: 6}
    assert "6 of its rows name images that are not there" in data.report.notes[-1]
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows[13:]])
    with pytest.raises(InvalidDataError, match=r"too few sub-folders with images \('site-a'\)"):  # no table of these
        load(f"imagefolder:{tmp_path}")


@pytest.mark.parametrize("start", ["", "set/"])
def test_parts_of_equal_names_with_one_table_of_whole_paths(tmp_path: Path, start: str) -> None:
    rows = [(f"{start}train/{name}", label) for name, label in write_flat(tmp_path / "train")]
    rows += [(f"{start}test/{name}", label) for name, label in write_flat(tmp_path / "test", 12)]
    for number in (1, 2):  # other labels than those of equal names, as they may be
        Image.fromarray(picture(0, number)).save(tmp_path / "test" / f"{number:03}.png")
        rows[18 + number] = (rows[18 + number][0], "bar")
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows])
    data = load(f"imagefolder:{tmp_path}")
    check(data)
    check(load(f"imagefolder:{tmp_path}", part="test"), 12)
    assert data.report is not None
    assert data.report.lines[-1] == "the labels are from column 'label' of labels.csv"


@pytest.mark.parametrize(
    ("place", "starts"),
    [
        ("", ("/one/train/", "/other/disk/test/")),
        ("", ("train/", "/x/test/")),
        ("train", ("{here}/", "test/")),
        ("train", ("train/", "test/")),
    ],
)
def test_of_two_paths_to_one_file_the_longer_match_is_meant(
    tmp_path: Path, place: str, starts: tuple[str, str]
) -> None:
    pairs = write_flat(tmp_path / "train")
    here, other = (start.format(here=tmp_path / "train") for start in starts)
    rows = [(here + name, label) for name, label in pairs] + [(other + name, "other") for name, _ in pairs]
    write_table(tmp_path / place / "labels.csv", [("file", "label"), *rows])
    check(load(f"imagefolder:{tmp_path / place}"))


@pytest.mark.parametrize("missing", ["NaN", "", "null", "N/A", "#N/A"])
def test_no_label_is_no_class(tmp_path: Path, missing: str) -> None:
    pairs = write_flat(tmp_path / "images")
    rows = [(name, label if number % 6 else missing) for number, (name, label) in enumerate(pairs)]
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows])
    data = load(f"imagefolder:{tmp_path}")
    check(data, 15)
    assert data.report is not None
    assert data.report.counts() == {Reason.UNLISTED: 3}
    said = f"3 of its rows say '{missing}', which is no label; rename it if it is a class"
    assert data.report.notes[-1].endswith(said) == bool(missing)


def test_labels_that_hold_another_label_are_several(tmp_path: Path) -> None:
    pairs = write_flat(tmp_path / "images")
    rows = [(name, "Effusion" if number % 2 else "Effusion|Mass") for number, (name, _) in enumerate(pairs)]
    write_table(tmp_path / "labels.csv", [("file", "Finding Labels"), *rows])
    with pytest.raises(InvalidDataError, match="several labels to an image"):
        load(f"imagefolder:{tmp_path}")
