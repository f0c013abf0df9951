"""TorchvisionLoader: sets that torchvision reads, and downloads when asked to."""

from __future__ import annotations

import gzip
import shutil
import string
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.base import DatasetInfo, Loader, LoadOptions, Part, register_loader
from geosearch.errors import InvalidDataError, StorageError, UnknownDatasetError


@dataclass(frozen=True)
class TorchvisionSet:
    """What is known about a set before it is read.

    Attributes:
        classes: number of classes; train, test: number of images; size, channels: of an image.
        license: as far as known.
        files: files below the root that must exist.
    """

    classes: int
    train: int
    test: int
    size: int
    channels: int
    license: str
    files: tuple[str, ...]


def _idx(name: str) -> tuple[str, ...]:
    return tuple(
        f"{name}/raw/{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    )


TORCHVISION: dict[str, TorchvisionSet] = {
    "MNIST": TorchvisionSet(10, 60_000, 10_000, 28, 1, "CC BY-SA 3.0", _idx("MNIST")),
    "FashionMNIST": TorchvisionSet(10, 60_000, 10_000, 28, 1, "MIT", _idx("FashionMNIST")),
    "KMNIST": TorchvisionSet(10, 60_000, 10_000, 28, 1, "CC BY-SA 4.0", _idx("KMNIST")),
    "EMNIST": TorchvisionSet(
        26, 124_800, 20_800, 28, 1, "unknown (derived from NIST Special Database 19)",
        tuple(
            f"EMNIST/raw/emnist-letters-{part}-{kind}-ubyte"
            for part in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ),
    ),
    "USPS": TorchvisionSet(10, 7_291, 2_007, 16, 1, "research use", ("usps.bz2", "usps.t.bz2")),
    "SVHN": TorchvisionSet(
        10, 73_257, 26_032, 32, 3, "non-commercial use", ("train_32x32.mat", "test_32x32.mat")
    ),
    "CIFAR10": TorchvisionSet(
        10, 50_000, 10_000, 32, 3, "unknown (cite Krizhevsky 2009)",
        (
            *(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
            "cifar-10-batches-py/test_batch", "cifar-10-batches-py/batches.meta",
        ),
    ),
    "CIFAR100": TorchvisionSet(
        100, 50_000, 10_000, 32, 3, "unknown (cite Krizhevsky 2009)",
        tuple(f"cifar-100-python/{file}" for file in ("train", "test", "meta")),
    ),
    "STL10": TorchvisionSet(
        10, 5_000, 8_000, 96, 3, "research use (images of ImageNet)",
        (
            *(f"stl10_binary/{part}_{kind}.bin" for part in ("train", "test") for kind in "Xy"),
            "stl10_binary/unlabeled_X.bin",  # not read, but torchvision wants to see it
        ),
    ),
}  # fmt: skip


_ARCHIVES = {
    "CIFAR10": "cifar-10-python.tar.gz",
    "CIFAR100": "cifar-100-python.tar.gz",
    "STL10": "stl10_binary.tar.gz",
}


@register_loader
@dataclass(frozen=True)
class TorchvisionLoader(Loader):
    """``torchvision:NAME``, e.g. ``torchvision:MNIST``; EMNIST means its letters, upright.

    Attributes:
        name: one of `TORCHVISION`.
    """

    form = "torchvision:NAME"

    name: str

    @classmethod
    def parse(cls, spec: str, options: LoadOptions) -> Self | None:
        kind, _, name = spec.partition(":")
        return cls(spec, options, name) if kind == "torchvision" and name in TORCHVISION else None

    @classmethod
    def named(cls, options: LoadOptions) -> Sequence[DatasetInfo]:
        return [
            DatasetInfo(
                f"torchvision:{name}",
                facts.classes,
                facts.train,
                facts.test,
                facts.size,
                facts.channels,
                facts.license,
                bool(_missing_files(name, options.torchvision_root)),
            )
            for name, facts in TORCHVISION.items()
        ]

    @property
    def has_test(self) -> bool:
        return True

    def _read(self, part: Part) -> LabelledSet:
        root, download = self.options.torchvision_root, self.options.download
        missing = _missing_files(self.name, root)
        if missing and not download:
            raise UnknownDatasetError(
                f"{self.spec} is not complete below {root}: {missing[0]} is missing; {_way_out(self.name, root)}"
            )
        try:
            with _unpacked(self.name, root) as place:
                data = _opened(self.name, place, part, download)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # the parsers behind torchvision raise anything at all on a damaged file
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            if _missing_files(self.name, root):
                raise StorageError(
                    f"{self.spec} could not be downloaded to {root}: {reason}; check the network and the free "
                    "space, or copy the files there"
                ) from error
            raise InvalidDataError(
                f"{self.spec} below {root} is damaged: {reason}; delete its files and download it again"
            ) from error
        images, labels = _arrays(self.name, data)
        build = LabelledSet.from_arrays if part == "train" else LabelledSet.test_part
        facts = TORCHVISION[self.name]
        return build(images, labels, name=self.name.lower(), classes=_classes(self.name, data), license=facts.license)


def _missing_files(name: str, root: Path) -> list[str]:
    """Files of the set that are not below `root`, not even compressed."""
    return [
        file for file in TORCHVISION[name].files if not any((root / f"{file}{end}").is_file() for end in ("", ".gz"))
    ]


@contextmanager
def _unpacked(name: str, root: Path) -> Iterator[Path]:
    """A root in which no file of the set is compressed: `root`, or a temporary one, which the set is read from."""
    files = TORCHVISION[name].files
    if all((root / file).is_file() for file in files) or _missing_files(name, root):  # nothing to do, or a download
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="geosearch-") as folder:
        for file in files:
            target = Path(folder) / file
            target.parent.mkdir(parents=True, exist_ok=True)
            if (root / file).is_file():
                target.symlink_to((root / file).absolute())
                continue
            with gzip.open(root / f"{file}.gz") as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
        yield Path(folder)


def _way_out(name: str, root: Path) -> str:
    """What to do about missing files."""
    if (archive := root / _ARCHIVES.get(name, "")).is_file():
        return f"unpack the archive that is there: tar -xf {archive} -C {root}"
    return (
        "download it (--download, or download = true in [domain] of a study file), or name the folder that has it "
        "(--root, or root in [domain])"
    )


def _opened(name: str, root: Path, part: str, download: bool) -> Any:
    from torchvision import datasets

    options: dict[str, Any] = {"split": part} if name in ("SVHN", "STL10") else {"train": part == "train"}
    if name == "EMNIST":
        options["split"] = "letters"
    return getattr(datasets, name)(str(root), download=download, **options)


def _arrays(name: str, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """images (n, h, w) or (n, h, w, ch), labels (n,) from 0"""
    images, labels = np.asarray(data.data), np.asarray(getattr(data, "targets", getattr(data, "labels", None)))
    if name == "EMNIST":  # the raw files hold transposed images, and count the letters from 1
        images, labels = np.ascontiguousarray(images.transpose(0, 2, 1)), labels - 1
    if name in ("SVHN", "STL10"):
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return images, labels


def _classes(name: str, data: Any) -> tuple[str, ...]:
    if name == "EMNIST":
        return tuple(string.ascii_lowercase)
    named = getattr(data, "classes", None)
    if not named or name == "MNIST":
        return tuple(map(str, range(TORCHVISION[name].classes)))
    return tuple(map(str, named))
