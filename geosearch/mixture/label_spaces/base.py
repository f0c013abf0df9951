"""The contract of label spaces, and what they give: the label of every class of every source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.runtime.registry import Choice


@dataclass(frozen=True)
class FittedLabelSpace:
    """The label of every class of every source.

    Attributes:
        groups: for each of the C classes of the disjoint union, the number of its label, 0..k-1.
        class_names: of the k labels.

    >>> space = FittedLabelSpace.of(["a/one", "a/two", "b/one"], [0, 1, 0])
    >>> space.class_names, space.is_disjoint
    (('a/one + b/one', 'a/two'), False)
    >>> space.merge(np.array([[0.25, 0.25, 0.5]])).tolist()
    [[0.75, 0.25]]
    """

    groups: tuple[int, ...]
    class_names: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], groups: Sequence[int]) -> FittedLabelSpace:
        """Name every label after its classes.

        Args:
            names: 'source/class' of the C classes.
            groups: the label of each, in any numbers; they are numbered in the order of the classes.
        """
        numbers = number_in_order(groups)
        members: list[list[str]] = [[] for _ in {*numbers}]
        for name, number in zip(names, numbers, strict=True):
            members[number].append(name)
        return cls(tuple(numbers), tuple(" + ".join(one) for one in members))

    @property
    def is_disjoint(self) -> bool:
        """Whether every class is a label of its own."""
        return len(self.class_names) == len(self.groups)

    def merge(self, labels: np.ndarray) -> np.ndarray:
        """Soft labels over the disjoint union (n, C) -> over the labels (n, k); the array itself if it is disjoint."""
        return labels if self.is_disjoint else labels @ self._members

    @cached_property
    def _members(self) -> np.ndarray:
        """float32 (C, k), 1 where a class has a label."""
        return np.eye(len(self.class_names), dtype=np.float32)[list(self.groups)]


class LabelSpace(Protocol):
    """The contract of label spaces: option objects that are fitted to the sources."""

    def fit(self, sources: Sequence[LabelledSet], encoder: Encoder) -> FittedLabelSpace:
        """Decide which classes are one label; two classes of one source never are.

        Args:
            sources: the m sources, of one image shape.
            encoder: the study's embedding.
        """
        ...


LABEL_SPACES: Choice[LabelSpace] = Choice(
    "domain.label_space",
    default="disjoint",
    meaning="Which classes of different sources are one label of a mixture.",
    room="geosearch.mixture.label_spaces",
)


def union_names(sources: Sequence[LabelledSet]) -> list[str]:
    """'source/class' of every class of the disjoint union."""
    return [f"{source.name}/{label}" for source in sources for label in source.classes]


def number_in_order(groups: Sequence[int]) -> list[int]:
    """The same groups, numbered 0, 1, ... in the order in which they occur.

    >>> number_in_order([7, 2, 7, 0])
    [0, 1, 0, 2]
    """
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return [order[group] for group in groups]
