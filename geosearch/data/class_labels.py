"""ClassLabels: labels as numbers 0..c-1, from whatever form they come in: numbers, text, yes and no, one-hot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.data.class_names import match_names, tidy_name
from geosearch.errors import InvalidDataError


@dataclass(frozen=True)
class ClassLabels:
    """The labels of n images.

    Attributes:
        numbers: int64 (n,).
        names: of the classes, where the labels are text or yes and no, in the order of the numbers; None for numbers.
    """

    numbers: np.ndarray
    names: tuple[str, ...] | None = None

    @classmethod
    def read(cls, labels: np.ndarray, n: int, name: str) -> ClassLabels:
        """Labels of a user.

        Args:
            labels: (n,) or (n, 1) whole numbers, text, bytes or bool; or (n, c) one-hot, each row with a single 1.
            n: number of images.
            name: of the set, for messages.

        Raises:
            InvalidDataError: another shape or type, missing labels, several labels an image.

        >>> ClassLabels.read(np.array(["dog", "cat", "dog"]), 3, "mine")
        ClassLabels(numbers=array([1, 0, 1]), names=('cat', 'dog'))
        """
        array = np.asarray(labels)
        if array.shape == (n, 1):  # as MedMNIST's files have them
            array = array[:, 0]
        if array.ndim == 2 and len(array) == n and array.shape[1] > 1:
            return cls(_from_rows(array, name))
        if array.shape != (n,):
            way = "; labels in a row become such by labels.reshape(-1)" if array.shape == (1, n) else ""
            raise InvalidDataError(f"set '{name}': expected {n} labels, one per image, got shape {array.shape}{way}")
        if array.dtype.kind == "O":
            array = _from_objects(array, name)
        if array.dtype.kind == "b":
            return cls(array.astype(np.int64), ("False", "True"))
        if array.dtype.kind in "US":
            return _from_text(array, name)
        if array.dtype.kind in "iu" or (array.dtype.kind == "f" and bool(np.all(array == np.round(array)))):
            return cls(array.astype(np.int64))
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise InvalidDataError(
                f"set '{name}': {int(np.isnan(array).sum())} labels are missing; leave these images out"
            )
        raise InvalidDataError(
            f"set '{name}': labels must be class numbers 0..c-1 or class names, got dtype {array.dtype}"
            + (
                "; values to predict become classes by numpy.digitize(labels, bounds)"
                if array.dtype.kind == "f"
                else ""
            )
        )

    def numbered_as(self, classes: Sequence[str], name: str) -> np.ndarray:
        """The labels as numbers of these classes.

        Raises:
            InvalidDataError: a label that is none of them.
        """
        if self.names is None or (self.names == ("False", "True") and not {*self.names} <= {*classes}):
            return self.numbers
        names = match_names(self.names, classes)
        if unknown := sorted({*names.values()} - {*classes}):
            raise InvalidDataError(
                f"set '{name}' has labels that are none of its classes: {', '.join(unknown[:5])}; its classes are "
                f"{', '.join(classes[:10])}{', ...' * (len(classes) > 10)}"
            )
        return np.array([classes.index(names[label]) for label in self.names])[self.numbers]


def _from_rows(rows: np.ndarray, name: str) -> np.ndarray:
    """(n, c) -> (n,), if every row is one-hot"""
    if rows.dtype.kind not in "buif":
        raise InvalidDataError(f"set '{name}': expected one label per image, got {rows.shape[1]} of dtype {rows.dtype}")
    flags = np.asarray(rows, np.float64)
    chosen = flags.sum(1)
    if not np.isin(flags, (0, 1)).all():
        soft = np.allclose(chosen, 1) and (flags >= 0).all()
        raise InvalidDataError(
            f"set '{name}': labels of shape {rows.shape} are {'soft labels' if soft else 'no one-hot labels'}, but a "
            "class is one label an image; "
            + ("take the largest, labels.argmax(axis=1), if a row means one class" if soft else "choose one column")
        )
    if not (chosen == 1).all():
        several, none = int((chosen > 1).sum()), int((chosen == 0).sum())
        raise InvalidDataError(
            f"set '{name}': labels of shape {rows.shape} are several labels an image ({several:,} images have more "
            f"than one, {none:,} have none), but a class is one label an image; choose one column, labels[:, k], or "
            "keep the images with a single one: keep = labels.sum(axis=1) == 1, then images[keep] and labels[keep]"
        )
    return flags.argmax(1)


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    kinds = {type(value) for value in array}
    for accepted in ((str, np.str_), (bytes, np.bytes_), (bool, np.bool_)):
        if kinds <= {*accepted}:
            return np.array([*array])
    if all(issubclass(kind, (int, np.integer)) and kind is not bool for kind in kinds):
        return np.array([*array])
    missing = sum(value is None or value != value for value in array)
    if missing:
        raise InvalidDataError(f"set '{name}': {missing} labels are missing; leave these images out")
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise InvalidDataError(f"set '{name}': labels must be all numbers or all text, got {names}; make them one type")


def _from_text(array: np.ndarray, name: str) -> ClassLabels:
    if array.dtype.kind == "S":
        array = np.array([text.decode("utf-8", errors="replace") for text in array.tolist()])
    if empty := int((np.char.strip(array) == "").sum()):
        raise InvalidDataError(
            f"set '{name}': {empty} labels are empty text; leave these images out, or name their class"
        )
    array = np.array([tidy_name(text) for text in array.tolist()])
    present, numbers = np.unique(array, return_inverse=True)
    order = sorted(range(len(present)), key=lambda row: _natural(str(present[row])))
    place = np.argsort(order)
    return ClassLabels(place[numbers].astype(np.int64), tuple(str(present[row]) for row in order))


def _natural(text: str) -> tuple[int, int, str]:
    """Numbers by their size, before words."""
    return (0, int(text), text) if text.isdecimal() and text.isascii() else (1, 0, text)
