"""Writer: a file format that data sets are written in, registered under its name on the command line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

Batch = tuple[np.ndarray, np.ndarray]  # images and soft labels
AnyWriter = TypeVar("AnyWriter", bound="Writer")


@dataclass(frozen=True)
class Contents:
    """What is going to be written: n images of one shape, with soft labels over C classes."""

    name: str
    size: int  # n
    image_shape: tuple[int, int, int]  # (h, w, ch)
    class_names: tuple[str, ...]  # C


@dataclass(frozen=True)
class Writer(ABC):
    """A file format.

    A new format is a subclass with `register_writer` in a file of its own, listed in this room's ``__init__.pyi``; it
    passes tests/contracts/test_writers.py.

    Attributes:
        name: of the format on the command line.
        layout: one sentence for the card: which file holds what.
    """

    name: ClassVar[str]
    layout: ClassVar[str]

    @abstractmethod
    def write(self, folder: Path, contents: Contents, batches: Iterator[Batch]) -> None:
        """Write all batches into an empty folder.

        Args:
            folder: where to write.
            contents: what the batches hold altogether.
            batches: images uint8 (b, h, w, ch) with soft labels float32 (b, C).
        """


WRITERS: dict[str, type[Writer]] = {}  # by `name`


def register_writer(writer: type[AnyWriter]) -> type[AnyWriter]:
    """Class decorator: the format of this name is written by this class."""
    WRITERS[writer.name] = writer
    return writer
