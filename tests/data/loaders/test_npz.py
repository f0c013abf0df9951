"""npz files: the layouts that are read, and the files that are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from geosearch.data.loaders.registry import find_loader, load
from geosearch.errors import InvalidDataError, InvalidOptionError, TooLargeError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 5)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2], np.uint8)


def test_both_parts_and_the_names(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "My Set.npz",
        train_images=IMAGES,
        train_labels=LABELS,
        test_images=IMAGES[:2],
        test_labels=LABELS[:2],
        class_names=np.array(["a", "b", "c"]),
        license="CC0",
    )
    spec = f"npz:{tmp_path / 'My Set.npz'}"
    train, test = load(spec), load(spec, part="test")
    assert find_loader(spec).has_test
    assert train.name == test.name == "my-set"
    assert train.classes == test.classes == ("a", "b", "c")
    assert train.license == test.license == "CC0"
    assert train.labels.tolist() == LABELS.tolist()
    assert len(test) == 2  # lacks class c, and that is well


@pytest.mark.parametrize(
    "names", ["x_train y_train x_test y_test", "X_train Y_train X_test Y_test", "X y x_test y_test"]
)
def test_the_names_of_other_libraries(tmp_path: Path, names: str) -> None:
    arrays = dict(zip(names.split(), (IMAGES, LABELS, IMAGES[:2], LABELS[:2]), strict=True))
    np.savez(tmp_path / "mnist.npz", **arrays)
    with find_loader(f"npz:{tmp_path / 'mnist.npz'}") as loader:
        assert (loader.has_labels, loader.has_test) == (True, True)
        train, test = loader.read_labelled(), loader.read_labelled("test")
    assert (train.images[..., 0] == IMAGES).all()
    assert (train.labels == LABELS).all()
    assert (test.images[..., 0] == IMAGES[:2]).all()
    assert (test.labels == LABELS[:2]).all()


def test_a_further_part_is_named(tmp_path: Path) -> None:
    arrays = {"train_images": IMAGES, "train_labels": LABELS, "val_images": IMAGES[:2], "val_labels": LABELS[:2]}
    np.savez(tmp_path / "a.npz", **arrays)
    report = load(f"npz:{tmp_path / 'a.npz'}").report
    assert report is not None
    assert report.notes == ("not read: val_images",)


def test_images_alone_under_any_name_have_no_labels(tmp_path: Path) -> None:
    for name in ("images", "train_images", "x_train", "X"):
        np.savez(tmp_path / "a.npz", **{name: IMAGES})
        with find_loader(f"npz:{tmp_path / 'a.npz'}") as loader:
            assert not loader.has_labels
            assert len(loader.read()) == 6


def test_one_part_without_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    assert not find_loader(f"npz:{tmp_path / 'a.npz'}").has_test
    data = load(f"npz:{tmp_path / 'a.npz'}")
    assert data.classes == ("0", "1", "2")
    assert data.license == "unknown"


def test_an_empty_license_is_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, license=np.array([]))
    assert load(f"npz:{tmp_path / 'a.npz'}").license == "unknown"


def test_environment_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    monkeypatch.setenv("SOME_FOLDER", str(tmp_path))
    assert len(load("npz:${SOME_FOLDER}/a.npz")) == 6


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES}, "no array 'labels' beside 'images'"),
        ({"labels": LABELS}, "no array 'images'"),
        ({"train_images": IMAGES, "labels": LABELS}, "no array 'train_labels'"),
        ({"images": IMAGES, "labels": LABELS + 1}, "renumber"),
        ({"images": IMAGES, "labels": LABELS, "class_names": np.array(["a", "b"])}, "2 class names"),
        ({"images": np.array([{}] * 6), "labels": LABELS}, "Python objects"),
        ({"images": IMAGES, "labels": LABELS, "class_names": np.array("abc")}, "class_names"),
    ],
)
def test_wrong_contents_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InvalidDataError, match=message):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_test_labels_out_of_range_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train_images=IMAGES, train_labels=LABELS, test_images=IMAGES, test_labels=LABELS + 1)
    with pytest.raises(InvalidDataError, match="share one numbering"):
        load(f"npz:{tmp_path / 'a.npz'}", part="test")


def test_the_test_part_checks_the_training_labels_too(tmp_path: Path) -> None:
    words = np.array(["x", "y"] * 3)
    np.savez(tmp_path / "a.npz", train_images=IMAGES, train_labels=words, test_images=IMAGES, test_labels=LABELS)
    with pytest.raises(InvalidDataError, match="share one numbering"):
        load(f"npz:{tmp_path / 'a.npz'}", part="test")


def test_other_and_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez_compressed(whole, images=IMAGES, labels=LABELS)
    content = bytearray(whole.read_bytes())
    middle = len(content) // 4
    content[middle : middle + 20] = bytes(20)
    for name, data in {
        "empty": b"",
        "text": b"no arrays here",
        "half": whole.read_bytes()[: len(content) // 2],
        "holes": bytes(content),
    }.items():
        (tmp_path / f"{name}.npz").write_bytes(data)
        with pytest.raises(InvalidDataError, match=f"{name}.npz"):
            load(f"npz:{tmp_path / name}.npz")
    with (tmp_path / "single.npz").open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(InvalidDataError, match="savez"):
        load(f"npz:{tmp_path / 'single.npz'}")


def test_a_file_that_unpacks_beyond_the_limit_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((6, 99, 99), np.uint8), labels=LABELS)
    monkeypatch.setenv("GEOSEARCH_MAX_GIB", "1e-6")
    with pytest.raises(TooLargeError, match="unpacks to"):
        load(f"npz:{tmp_path / 'a.npz'}")
    monkeypatch.setenv("GEOSEARCH_MAX_GIB", "plenty")
    with pytest.raises(InvalidOptionError, match="must be a positive number"):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_a_header_that_promises_more_than_memory_is_damage(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("images", "labels"):
            header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999, 9), }"
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InvalidDataError, match="cannot be read"):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_a_header_that_breaks_off_is_damage(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00\x08\x00" + b"{'descr'")
        archive.writestr("labels.npy", b"\x93NUMPY\x01\x00\xb8\x0b" + b"{" * 3000)
    with pytest.raises(InvalidDataError, match="cannot be read"):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_labels_that_run_far_are_refused_without_counting_up_to_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.array([0, 1, 2, 0, 1, 2**62]))
    with pytest.raises(InvalidDataError, match=r"\[3, 4, 5, 6, 7\] never occur"):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_both_parts_are_rendered_as_the_training_part(tmp_path: Path) -> None:
    levels = np.arange(256).reshape(4, 8, 8)
    labels = np.array(["x", "y", "x", "y"])
    np.savez(
        tmp_path / "a.npz",
        train_images=levels.astype(np.uint16) * 16,
        train_labels=labels,
        test_images=np.minimum(levels, 100).astype(np.uint16) * 16,  # darker
        test_labels=labels[::-1],
    )
    loader = find_loader(f"npz:{tmp_path / 'a.npz'}")
    test = loader.read_labelled("test")  # first, so that the range is judged before the training part is read
    assert (test.images[..., 0] == np.minimum(levels, 100)).all()
    assert test.labels.tolist() == [1, 0, 1, 0]
    train = loader.read_labelled()
    assert (train.images[..., 0] == levels).all()
    assert train.report is not None
    assert train.report.notes == ("values to 4,080 are read as 12 bits, 0..4,095",)


def test_flat_and_faint_sets_do_not_pass_unsaid(tmp_path: Path) -> None:
    for level in (0, 77):
        np.savez(tmp_path / "a.npz", images=np.full((6, 5, 5), level, np.uint8), labels=LABELS)
        with pytest.raises(InvalidDataError, match="one flat color"):
            load(f"npz:{tmp_path / 'a.npz'}")
    np.savez(tmp_path / "a.npz", images=IMAGES // 16, labels=LABELS)
    report = load(f"npz:{tmp_path / 'a.npz'}").report
    assert report is not None
    assert "use only the grey levels 0..15" in report.notes[0]
    assert report.remarkable


def test_a_single_number_is_no_list_of_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.array(3))
    with pytest.raises(InvalidDataError, match="expected one label per image"):
        load(f"npz:{tmp_path / 'a.npz'}")
