"""Tables of labels: columns found or named, rows without a class are unlabelled, and what is not there is listed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from generators.sets import blobs
from PIL import Image

from geosearch.data.loaders import labels_table
from geosearch.data.loaders.registry import find_loader, portable_id
from geosearch.data.read_report import Reason
from geosearch.errors import InvalidDataError

DATA = blobs("set", 3, 4, size=12)
ROWS = [(f"photos/{row}.png", "abc"[label] if row else "") for row, label in enumerate(DATA.labels)]


def write(folder: Path, header: tuple[str, str] = ("file", "label"), name: str = "labels.csv") -> Path:
    """A table beside twelve images, the first without a class."""
    (folder / "photos").mkdir(exist_ok=True)
    for row, image in enumerate(DATA.images):
        Image.fromarray(image[..., 0]).save(folder / "photos" / f"{row}.png")
    mark = "\t" if name.endswith("tsv") else ","
    lines = [mark.join(row) for row in (header, *ROWS)]
    if name.endswith("jsonl"):
        lines = [json.dumps(dict(zip(header, (file, label or None), strict=True))) for file, label in ROWS]
    (folder / name).write_text("\n".join(lines))
    return folder / name


@pytest.mark.parametrize("name", ["labels.csv", "labels.tsv", "labels.jsonl"])
@pytest.mark.parametrize("header", [("file_name", "category"), ("image", "class"), ("path", "target")])
def test_columns_are_found(tmp_path: Path, header: tuple[str, str], name: str) -> None:
    loader = find_loader(f"labels_table:{write(tmp_path, header, name)}")
    data, loose = loader.read_labelled(), loader.read_unlabelled()
    assert (len(data), data.classes, len(loose)) == (11, ("a", "b", "c"), 1)
    assert data.row_names is not None
    assert data.row_names[0] == "photos/1.png"
    assert (data.labels == DATA.labels[1:]).all()
    assert (loose.images == DATA.images[:1]).all()


def test_where_the_labels_are_from_is_said_once(tmp_path: Path) -> None:
    loader = find_loader(f"labels_table:{write(tmp_path)}")
    labelled, loose = loader.read_labelled().report, loader.read_unlabelled().report
    assert labelled is not None
    assert loose is not None
    assert labelled.lines == ("the labels are from column 'label' of labels.csv",)
    assert loose.lines == ()


def test_a_parquet_table_is_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet tables are read with pyarrow, which is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path)
    columns = {"file": [file for file, _ in ROWS], "label": [label or None for _, label in ROWS]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "labels.parquet")
    loader = find_loader(f"labels_table:{tmp_path}/labels.parquet")
    assert (len(loader.read_labelled()), len(loader.read_unlabelled())) == (11, 1)


def test_columns_are_named(tmp_path: Path) -> None:
    spec = f"labels_table:{write(tmp_path, ('where', 'what kind'))}?file=where&label=what kind"
    assert len(find_loader(spec).read_labelled()) == 11
    assert portable_id(spec) == "labels_table:labels.csv?file=where&label=what kind"
    with pytest.raises(InvalidDataError, match="has no column 'kind'; it has where, what kind"):
        find_loader(spec.replace("what kind", "kind")).read()


def test_a_label_of_each_class_is_enough(tmp_path: Path) -> None:
    table = write(tmp_path)
    table.write_text("file,label\nphotos/0.png,a\nphotos/1.png,b\nphotos/2.png,c\n")
    assert find_loader(f"labels_table:{table}").read_labelled().classes == ("a", "b", "c")


def test_files_that_are_not_there_are_listed(tmp_path: Path) -> None:
    table = write(tmp_path)
    table.write_text(table.read_text() + "\nphotos/gone.png,a\nphotos/lost.png,\n")
    with pytest.raises(InvalidDataError, match=r"names 2 files that are not there: photos/gone.png, photos/lost.png"):
        find_loader(f"labels_table:{table}").read()


def test_a_missing_label_column_is_said(tmp_path: Path) -> None:
    table = write(tmp_path)
    table.write_text("file,width,height\nphotos/0.png,12,12\nphotos/1.png,12,12\n")
    with pytest.raises(InvalidDataError, match="no column is called label or class"):
        find_loader(f"labels_table:{table}").read()


def test_a_lone_column_of_numbers_is_no_label_column_unless_it_is_named(tmp_path: Path) -> None:
    table = write(tmp_path)
    table.write_text("file,width\nphotos/0.png,12\nphotos/1.png,16\nphotos/2.png,\n")
    with pytest.raises(InvalidDataError, match="no column called label or class, and 'width' holds numbers"):
        find_loader(f"labels_table:{table}").read()
    assert find_loader(f"labels_table:{table}?label=width").read_labelled().classes == ("12", "16")
    table.write_text("file,plant\nphotos/0.png,oak\nphotos/1.png,ash\n")
    assert find_loader(f"labels_table:{table}").read_labelled().classes == ("ash", "oak")


def test_a_table_without_rows_is_said(tmp_path: Path) -> None:
    table = write(tmp_path)
    table.write_text("file,label\n")
    with pytest.raises(InvalidDataError, match="has no rows; write one for every image"):
        find_loader(f"labels_table:{table}").read()


def test_files_outside_the_folder_of_the_table_are_read_and_named_by_their_whole_path(tmp_path: Path) -> None:
    table = write(tmp_path)
    (tmp_path / "tables").mkdir()
    lines = [f"{tmp_path / file},{label}" for file, label in ROWS[:8]] + [
        f"../{file},{label}" for file, label in ROWS[8:]
    ]
    table = tmp_path / "tables" / "labels.csv"
    table.write_text("\n".join(["file,label", *lines]))
    loader = find_loader(f"labels_table:{table}")
    data, loose = loader.read_labelled(), loader.read_unlabelled()
    assert (data.labels == DATA.labels[1:]).all()
    assert data.row_names is not None
    assert list(data.row_names[[0, 10]]) == [f"{tmp_path}/photos/1.png", "../photos/11.png"]
    assert loose.row_names is not None
    assert list(loose.row_names) == [f"{tmp_path}/photos/0.png"]


def test_rows_of_no_part_are_for_training_and_those_of_other_parts_are_counted(tmp_path: Path) -> None:
    table = write(tmp_path)
    parts = ["train", "", "Test", "", "test", "val", "fold 7", "train", "test", "train", "train"]
    lines = [f"{file},{label},{part}" for (file, label), part in zip(ROWS[1:], parts, strict=True)]
    table.write_text("\n".join(["file,label,split", *lines]))
    loader = find_loader(f"labels_table:{table}")
    train, test = loader.read_labelled(), loader.read_labelled("test")
    assert train.row_names is not None
    assert list(train.row_names) == [f"photos/{row}.png" for row in (1, 2, 4, 8, 10, 11)]
    assert train.report is not None
    assert train.report.counts() == {Reason.OTHER_PART: 2}
    assert train.report.lines[0] == "2 of 8 files passed over: 2 in another part (photos/6.png, photos/7.png)"
    assert test.report is not None
    assert (len(test), test.report.passed) == (3, ())


def test_a_validation_part_serves_where_there_is_no_test_part(tmp_path: Path) -> None:
    table = write(tmp_path)
    lines = [f"{file},{label},{'val' if row % 3 == 0 else 'train'}" for row, (file, label) in enumerate(ROWS[1:])]
    table.write_text("\n".join(["file,label,split", *lines]))
    loader = find_loader(f"labels_table:{table}")
    assert loader.has_test
    test = [f"photos/{row}.png" for row in (1, 4, 7, 10)]
    assert list(loader.read_labelled("test").row_names) == test
    assert {*loader.read_labelled().row_names} == {f"photos/{row}.png" for row in range(1, 12)} - {*test}


def test_a_class_whose_name_means_no_label_is_said(tmp_path: Path) -> None:
    table = write(tmp_path)
    table.write_text(table.read_text().replace(",a", ",null").replace("photos/11.png,c", "photos/11.png,N/A"))
    data = find_loader(f"labels_table:{table}").read_labelled()
    assert data.classes == ("b", "c")
    assert data.report is not None
    said = "; 4 of its rows say 'null' or 'N/A', which is no label; rename it if it is a class"
    assert data.report.notes[0].endswith(said)


def test_the_images_of_all_classes_are_counted_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def count(names: list[str]) -> Counter[str]:
        passes.append(len(names))
        return Counter(names)

    monkeypatch.setattr(labels_table, "Counter", count)
    report = find_loader(f"labels_table:{write(tmp_path)}").read_labelled().report
    assert report is not None
    assert dict(report.by_class) == {"a": 3, "b": 4, "c": 4}
    assert passes == [11]
