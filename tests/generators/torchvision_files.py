"""Tiny files in the on-disk formats of the sets that torchvision reads."""

from __future__ import annotations

import bz2
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io

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
