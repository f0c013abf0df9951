"""torchvision sets, read from tiny files in the true on-disk formats.

Only the comparison of MD5 sums is replaced: tiny files cannot have those of the real ones.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from generators.torchvision_files import WRITERS
from torchvision import datasets

from geosearch.cli.main import main
from geosearch.data.loaders.registry import find_loader, list_datasets, load
from geosearch.data.loaders.torchvision import TORCHVISION
from geosearch.errors import GeosearchError, InvalidDataError, StorageError, UnknownDatasetError


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
    assert find_loader(f"torchvision:{name}").has_test


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


@pytest.mark.parametrize("name", ["MNIST", "KMNIST", "EMNIST"])
def test_compressed_files_are_read_where_they_lie(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / "plain")
    raw, packed = tmp_path / "plain" / name / "raw", tmp_path / "packed" / name / "raw"
    packed.mkdir(parents=True)
    for i, file in enumerate(sorted(raw.iterdir())):
        if i:
            (packed / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        else:
            (packed / file.name).write_bytes(file.read_bytes())  # the one that was unpacked by hand
    before = sorted(packed.iterdir())
    for part in ("train", "test"):
        plain, found = (load(f"torchvision:{name}", part=part, root=tmp_path / at) for at in ("plain", "packed"))
        assert plain.fingerprint == found.fingerprint
    assert sorted(packed.iterdir()) == before
    assert not next(
        info for info in list_datasets(root=tmp_path / "packed") if info.spec.endswith(f":{name}")
    ).needs_download
    (packed / f"{sorted(raw.iterdir())[1].name}.gz").write_bytes(b"\x1f\x8b no")
    with pytest.raises(InvalidDataError, match="is damaged"):
        load(f"torchvision:{name}", root=tmp_path / "packed")


def test_what_is_missing_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnknownDatasetError, match=r"--download, or download = true .*--root, or root in \[domain\]"):
        load("torchvision:MNIST", root=tmp_path)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"an archive")
    with pytest.raises(UnknownDatasetError, match=r"tar -xf .*cifar-10-python\.tar\.gz -C"):
        load("torchvision:CIFAR10", root=tmp_path)


def test_commands_take_the_folder_of_torchvisions_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WRITERS["MNIST"](tmp_path / "here")
    at = ["--root", str(tmp_path / "here")]
    for command in (
        ["distance", "torchvision:MNIST", "digits", "--samples", "20", "--size", "8"],
        ["curate", "torchvision:MNIST", "--out", str(tmp_path / "c"), "--embedding", "pixels", "--size", "8"],
        ["label", "torchvision:MNIST", "--out", str(tmp_path / "l"), "--by", "clusters", "--embedding", "pixels"],
    ):
        assert main([*command, "--root", str(tmp_path / "nowhere")]) == 2
        assert "is not complete below" in capsys.readouterr().err
        code = main([*command, *at])
        assert "torchvision's files" not in (err := capsys.readouterr().err)
        assert code == 0 or "two halves" in err, err  # so few images
