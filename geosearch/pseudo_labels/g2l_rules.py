"""Label rules: how the distances of an image to the chosen anchors become its label. These rules are ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np


class LabelRule(Protocol):
    """Labels from distances."""

    name: ClassVar[str]

    def anchors_for(self, labels: int) -> int:
        """How many anchors the rule wants for so many labels."""
        ...

    def assign(self, distances: np.ndarray, labels: int) -> np.ndarray:
        """Distances (n, k) of images to anchors -> int64 (n,) numbers 0.. of at most `labels` labels.

        Which images share a label does not depend on the order of the images.
        """
        ...


@dataclass(frozen=True)
class Order:
    """By the order of the anchors, from the nearest on.

    Images with the same nearest anchor share a label. While there are labels to spare, the largest class is divided by
    the next anchor in its images' orders; when labels run out its smallest divisions stay together.

    Near is relative: from each anchor's distances their mean over the set is taken first. A set that is far from all
    anchors would otherwise fall to the one that is nearest to the set as a whole.
    """

    name: ClassVar[str] = "order"

    def anchors_for(self, labels: int) -> int:
        return labels

    def assign(self, distances: np.ndarray, labels: int) -> np.ndarray:
        relative = distances - distances.mean(0)
        order = np.argsort(np.round(relative, 12), axis=1, kind="stable")  # (n, k), nearest first

        def division(rows: np.ndarray, depth: int, most: int) -> Iterator[np.ndarray]:
            names, counts = np.unique(order[rows, depth], return_counts=True)
            names = names[np.argsort(-counts, kind="stable")]
            apart = names if len(names) <= most else names[: most - 1]
            yield from (rows[order[rows, depth] == name] for name in apart)
            if len(apart) < len(names):
                yield rows[np.isin(order[rows, depth], apart, invert=True)]

        return _divided(len(distances), distances.shape[1], labels, division)


@dataclass(frozen=True)
class Bins:
    """By halves: near and far from the first anchor, each half near and far from the second, and so on.

    Every division is at the median of the class that is divided, and the largest class is divided next: so the classes
    have about equally many images, whatever the anchors.
    """

    name: ClassVar[str] = "bins"

    def anchors_for(self, labels: int) -> int:
        return max(int(np.ceil(np.log2(labels))), 2)

    def assign(self, distances: np.ndarray, labels: int) -> np.ndarray:
        def division(rows: np.ndarray, depth: int, most: int) -> Iterator[np.ndarray]:
            near = distances[rows, depth] <= np.median(distances[rows, depth])
            yield from (part for part in (rows[near], rows[~near]) if len(part))

        return _divided(len(distances), distances.shape[1], labels, division)


RULES: dict[str, LabelRule] = {rule.name: rule for rule in (Order(), Bins())}


class _Division(Protocol):
    def __call__(self, rows: np.ndarray, depth: int, most: int, /) -> Iterator[np.ndarray]: ...


def _divided(n: int, depths: int, labels: int, division: _Division) -> np.ndarray:
    """Divide the largest class by its next anchor until there are `labels` classes or nothing can be divided."""
    classes = [(np.arange(n), 0)]  # rows, and how many anchors they were divided by
    while len(classes) < labels:
        divisible = [i for i, (rows, depth) in enumerate(classes) if depth < depths and len(rows) > 1]
        if not divisible:
            break
        place = max(divisible, key=lambda i: len(classes[i][0]))  # the first of equals
        rows, depth = classes.pop(place)
        most = labels - len(classes)
        classes[place:place] = [(part, depth + 1) for part in division(rows, depth, most)]
    found = np.empty(n, np.int64)
    for number, (rows, _) in enumerate(classes):
        found[rows] = number
    return found
