"""torchvision sets, read from tiny files in the true on-disk formats.

Only the comparison of MD5 sums is replaced: tiny files cannot have those of the real ones.
"""

from __future__ import annotations

import bz2
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from torchvision import datasets

from geosearch.data.loaders.registry import has_test_part, load
from geosearch.data.loaders.torchvision import TORCHVISION
from geosearch.errors import GeosearchError, InvalidDataError, StorageError, UnknownDatasetError

RNG = np.random.default_rng(0)


def idx(path: Path, array: np.ndarray) -> None:
    """The idx format of MNIST: two zero bytes, type 8 (uint8), number of axes, their lengths, data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def pixels(n: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (n, *shape)).astype(np.uint8)


def counted(n: int, classes: int) -> np.ndarray:
    return np.arange(n) % classes


Written = tuple[np.ndarray, np.ndarray]  # images (n, h, w, ch), labels from 0


def write_idx(name: str) -> Callable[[Path], Written]:
    def write(root: Path) -> Written:
        images, labels = pixels(20, 28, 28), counted(20, 10)
        for part, count in (("train", 20), ("t10k", 9)):
            idx(root / name / "raw" / f"{part}-images-idx3-ubyte", images[:count])
            idx(root / name / "raw" / f"{part}-labels-idx1-ubyte", labels[:count])
        return images[..., None], labels

    return write


def write_emnist(root: Path) -> Written:
    images, labels = pixels(52, 28, 28), counted(52, 26)
    for part, count in (("train", 52), ("test", 9)):
        base = root / "EMNIST" / "raw"
        idx(base / f"emnist-letters-{part}-images-idx3-ubyte", images[:count].transpose(0, 2, 1))
        idx(base / f"emnist-letters-{part}-labels-idx1-ubyte", labels[:count] + 1)
    return images[..., None], labels


def write_usps(root: Path) -> Written:
    images, labels = pixels(20, 16, 16), counted(20, 10)
    for file, count in (("usps.bz2", 20), ("usps.t.bz2", 9)):
        lines = [
            f"{label + 1} "
            + " ".join(f"{i + 1}:{value:.6f}" for i, value in enumerate((image.reshape(-1) + 0.5) / 127.5 - 1))
            for image, label in zip(images[:count], labels, strict=False)
        ]
        (root / file).write_bytes(bz2.compress("\n".join(lines).encode() + b"\n"))
    return images[..., None], labels


def write_svhn(root: Path) -> Written:
    images, labels = pixels(20, 32, 32, 3), counted(20, 10)
    for part, count in (("train", 20), ("test", 9)):
        numbers = np.where(labels[:count] == 0, 10, labels[:count])[:, None]  # the files call zero ten
        scipy.io.savemat(
            root / f"{part}_32x32.mat", {"X": images[:count].transpose(1, 2, 3, 0), "y": numbers.astype(np.uint8)}
        )
    return images, labels


def write_cifar(folder: str, files: list[str], key: str, classes: int) -> Callable[[Path], Written]:
    def write(root: Path) -> Written:
        (root / folder).mkdir(parents=True)
        each = 2 * classes // len(files[:-2]) if classes == 10 else 2 * classes
        images, labels = pixels(2 * classes, 32, 32, 3), counted(2 * classes, classes)
        flat = images.transpose(0, 3, 1, 2).reshape(2 * classes, -1)
        *train, test, meta = files
        for number, file in enumerate(train):
            rows = slice(number * each, (number + 1) * each)
            batch = {"data": flat[rows], key: labels[rows].tolist()}
            (root / folder / file).write_bytes(pickle.dumps(batch))
        (root / folder / test).write_bytes(pickle.dumps({"data": flat[:9], key: labels[:9].tolist()}))
        names = [f"class {i}" for i in range(classes)]
        (root / folder / meta).write_bytes(
            pickle.dumps({"label_names" if classes == 10 else "fine_label_names": names})
        )
        return images, labels

    return write


def write_stl(root: Path) -> Written:
    folder = root / "stl10_binary"
    folder.mkdir()
    images, labels = pixels(20, 96, 96, 3), counted(20, 10)
    for part, count in (("train", 20), ("test", 9)):
        images[:count].transpose(0, 3, 2, 1).tofile(folder / f"{part}_X.bin")  # column by column
        (labels[:count] + 1).astype(np.uint8).tofile(folder / f"{part}_y.bin")
    (folder / "unlabeled_X.bin").write_bytes(b"")
    (folder / "class_names.txt").write_text("\n".join(f"class {i}" for i in range(10)))
    return images, labels


BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]
WRITERS: dict[str, Callable[[Path], Written]] = {
    "MNIST": write_idx("MNIST"),
    "FashionMNIST": write_idx("FashionMNIST"),
    "KMNIST": write_idx("KMNIST"),
    "EMNIST": write_emnist,
    "USPS": write_usps,
    "SVHN": write_svhn,
    "CIFAR10": write_cifar("cifar-10-batches-py", BATCHES, "labels", 10),
    "CIFAR100": write_cifar("cifar-100-python", ["train", "test", "meta"], "fine_labels", 100),
    "STL10": write_stl,
}


@pytest.fixture(autouse=True)
def _any_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("svhn", "cifar", "stl10"):
        monkeypatch.setattr(
            f"torchvision.datasets.{module}.check_integrity", lambda file, md5=None: Path(file).is_file()
        )


def test_every_set_has_a_writer_here() -> None:
    assert WRITERS.keys() == TORCHVISION.keys()


@pytest.mark.parametrize("name", TORCHVISION)
def test_images_and_labels_come_back_as_they_were_written(name: str, tmp_path: Path) -> None:
    images, labels = WRITERS[name](tmp_path)
    train, test = (load(f"torchvision:{name}", part=part, root=tmp_path) for part in ("train", "test"))
    np.testing.assert_array_equal(train.images, images)
    np.testing.assert_array_equal(train.labels, labels)
    np.testing.assert_array_equal(test.images, images[:9])
    np.testing.assert_array_equal(test.labels, labels[:9])
    facts = TORCHVISION[name]
    assert train.shape == (facts.size, facts.size, facts.channels)
    assert len(train.classes) == facts.classes
    assert train.classes == test.classes
    assert train.name == name.lower()
    assert train.license == facts.license
    assert has_test_part(f"torchvision:{name}")


def test_class_names_are_names() -> None:
    assert TORCHVISION["EMNIST"].classes == 26


@pytest.mark.parametrize(("name", "first"), [("MNIST", "0"), ("EMNIST", "a"), ("USPS", "0"), ("STL10", "class 0")])
def test_the_first_class(name: str, first: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    assert load(f"torchvision:{name}", root=tmp_path).classes[0] == first


@pytest.mark.parametrize("name", TORCHVISION)
def test_absent_files_name_the_folder_and_the_way_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownDatasetError, match="download = true") as caught:
        load(f"torchvision:{name}", root=tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", TORCHVISION)
@pytest.mark.parametrize("damage", ["empty", "half", "noise"])
def test_damaged_files_are_named_as_such(name: str, damage: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    for file in TORCHVISION[name].files:
        content = (tmp_path / file).read_bytes()
        spoilt = {"empty": b"", "half": content[: len(content) // 2 - 1], "noise": bytes(range(256)) * 4}
        (tmp_path / file).write_bytes(spoilt[damage])
    with pytest.raises(InvalidDataError) as caught:
        load(f"torchvision:{name}", root=tmp_path)
    assert isinstance(caught.value, GeosearchError)


def test_a_wrong_checksum_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WRITERS["SVHN"](tmp_path)
    monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda file, md5=None: False)
    with pytest.raises(InvalidDataError, match="download it again"):
        load("torchvision:SVHN", root=tmp_path)


def test_a_failed_download_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(self: object) -> None:
        raise RuntimeError("Error downloading train-images")

    monkeypatch.setattr(datasets.MNIST, "download", unreachable)
    with pytest.raises(StorageError, match="check the network"):
        load("torchvision:MNIST", root=tmp_path, download=True)


def test_a_download_is_asked_for_only_when_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.MNIST, "download", lambda self: WRITERS["MNIST"](tmp_path))
    assert len(load("torchvision:MNIST", root=tmp_path, download=True)) == 20
