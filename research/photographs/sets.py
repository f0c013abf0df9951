"""The photographs: seven labelled sets of unrelated domains, six of which are targets, and draws of few labels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from geosearch import seeds

DATA = Path(os.environ.get("GEOSEARCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = Path(__file__).parents[2] / "reports" / "data"

CHOSEN_ON = ("rsscn7", "dtd10", "corn_leaf")  # targets that options were chosen on
CHECKED_ON = ("seedlings", "trash", "aid")  # targets that they were checked on
TARGETS = (*CHOSEN_ON, *CHECKED_ON)
SETS = (*TARGETS, "wbc")  # wbc is a source only: its images are copies of few originals
SHOTS = (1, 5, 20)
UNEVEN = "uneven"  # labels: five a class in the mean, ten times as many of one class as of another
MEAN, RATIO = 5, 10
DRAWS = 5
_EVERY = {"aid": 3}  # as a target, every third of its 30 classes


@dataclass(frozen=True, eq=False)
class Photos:
    """A set with a training and a test part.

    Attributes:
        images: uint8 (n, 64, 64, 3) of the training part, then of the test part.
        labels: int64 (n,); train: rows of the training part.
        classes: c names.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    train: int
    classes: tuple[str, ...]


@cache
def photos(name: str) -> Photos:
    """A set of shared photographs, all of its classes."""
    stored = np.load(DATA.parent / "photos" / f"{name}.npz")
    images = np.concatenate([stored["train_images"], stored["test_images"]])
    labels = np.concatenate([stored["train_labels"], stored["test_labels"]]).astype(np.int64)
    return Photos(name, images, labels, len(stored["train_labels"]), tuple(map(str, stored["class_names"])))


@dataclass(frozen=True, eq=False)
class Task:
    """A target: rows of its set, and labels 0..c-1.

    Attributes:
        train: (n,) rows of the training part; train_labels: (n,).
        test: (p,) rows of the test part; test_labels: (p,).
        classes: c names.
    """

    name: str
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]

    def draw(self, shots: int, draw: int) -> np.ndarray:
        """(c * shots,) positions in `train`; the first shots of each class in an order of the draw, so nested."""
        order = seeds.stream(draw, "photographs", self.name).permutation(len(self.train))
        by_class = (order[self.train_labels[order] == label][:shots] for label in range(len(self.classes)))
        return np.concatenate(list(by_class))

    def draw_uneven(self, draw: int, ratio: float = RATIO) -> np.ndarray:
        """Positions in `train`, sorted by class: `label_counts` labels, the most of a class that the draw decides."""
        classes = seeds.stream(draw, "photographs uneven", self.name).permutation(len(self.classes))
        counts = np.empty(len(classes), int)
        counts[classes] = label_counts(len(classes), ratio)
        order = self.draw(int(counts.max()), draw).reshape(len(classes), -1)  # (c, most)
        return np.concatenate([rows[:count] for rows, count in zip(order, counts, strict=True)])

    @property
    def rows(self) -> np.ndarray:
        """(n + p,) of both parts."""
        return np.concatenate([self.train, self.test])


def label_counts(classes: int, ratio: float = RATIO) -> np.ndarray:
    """(c,) labels of each class, the most first; `MEAN` in the mean, up to rounding, falling geometrically."""
    shares = ratio ** -np.linspace(0, 1, classes)
    return np.maximum(np.rint(MEAN * classes * shares / shares.sum()).astype(int), 1)


@cache
def task(name: str) -> Task:
    known = photos(name)
    chosen = np.arange(0, len(known.classes), _EVERY.get(name, 1))
    number = np.full(len(known.classes), -1)
    number[chosen] = np.arange(len(chosen))
    labels = number[known.labels]
    train, test = (part[labels[part] >= 0] for part in np.split(np.arange(len(labels)), [known.train]))
    names = tuple(known.classes[i] for i in chosen)
    return Task(name, train, labels[train], test, labels[test], names)


def sources_of(target: str) -> tuple[str, ...]:
    """The six other sets."""
    return tuple(name for name in SETS if name != target)
