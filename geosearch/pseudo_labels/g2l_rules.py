"""LabelRule: how G2L turns the distances of an image to the anchors into its pseudo-label. The rules are ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np


class LabelRule(Protocol):
    """A rule that turns distances into labels."""

    name: ClassVar[str]

    def anchor_count(self, labels: int) -> int:
        """Number of anchors that the rule needs for this number of labels."""
        ...

    def assign(self, distances: np.ndarray, labels: int) -> np.ndarray:
        """Label images by their distances to the anchors.

        The partition into labels does not depend on the order of the images.

        Args:
            distances: (n, k), from each image to each anchor.
            labels: maximum number of labels.

        Returns:
            int64 (n,), labels 0, 1, ...
        """
        ...


@dataclass(frozen=True)
class NearestAnchorRule:
    """Images with the same nearest anchor share a label; large classes are split by the second nearest, and so on.

    As long as there are fewer classes than labels, the largest class is split by the next anchor in its images'
    orders of nearness. When labels run out, the smallest parts of a split stay one class.

    Distances are compared after subtracting each anchor's mean distance. Otherwise, if all images are far from all
    anchors, they would all get the label of the anchor nearest to the whole set.

    Example:
        >>> NearestAnchorRule().assign(np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1]]), labels=2)
        array([0, 0, 1])
    """

    name: ClassVar[str] = "order"

    def anchor_count(self, labels: int) -> int:
        """One anchor per label."""
        return labels

    def assign(self, distances: np.ndarray, labels: int) -> np.ndarray:
        """Labels int64 (n,) from distances (n, k); see `LabelRule.assign`."""
        relative = distances - distances.mean(0)
        order = np.argsort(np.round(relative, 12), axis=1, kind="stable")  # (n, k), nearest first

        def split(rows: np.ndarray, depth: int, most: int) -> Iterator[np.ndarray]:
            anchors, counts = np.unique(order[rows, depth], return_counts=True)
            anchors = anchors[np.argsort(-counts, kind="stable")]
            apart = anchors if len(anchors) <= most else anchors[: most - 1]
            yield from (rows[order[rows, depth] == anchor] for anchor in apart)
            if len(apart) < len(anchors):
                yield rows[np.isin(order[rows, depth], apart, invert=True)]

        return _split_largest(len(distances), distances.shape[1], labels, split)


@dataclass(frozen=True)
class MedianSplitRule:
    """Split at the median distance to the first anchor, each half at the median distance to the second, and so on.

    The largest class is split next, so that classes have about the same size.

    Example:
        >>> MedianSplitRule().assign(np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]), labels=2)
        array([0, 0, 1, 1])
    """

    name: ClassVar[str] = "bins"

    def anchor_count(self, labels: int) -> int:
        """log2 of the number of labels, rounded up, at least 2."""
        return max(int(np.ceil(np.log2(labels))), 2)

    def assign(self, distances: np.ndarray, labels: int) -> np.ndarray:
        """Labels int64 (n,) from distances (n, k); see `LabelRule.assign`."""

        def split(rows: np.ndarray, depth: int, most: int) -> Iterator[np.ndarray]:
            near = distances[rows, depth] <= np.median(distances[rows, depth])
            yield from (part for part in (rows[near], rows[~near]) if len(part))

        return _split_largest(len(distances), distances.shape[1], labels, split)


RULES: dict[str, LabelRule] = {rule.name: rule for rule in (NearestAnchorRule(), MedianSplitRule())}


class _Split(Protocol):
    def __call__(self, rows: np.ndarray, depth: int, most: int, /) -> Iterator[np.ndarray]: ...


def _split_largest(n: int, depths: int, labels: int, split: _Split) -> np.ndarray:
    """Split the largest class by its next anchor until there are `labels` classes or none can be split."""
    classes = [(np.arange(n), 0)]  # rows, and the number of anchors they were split by
    while len(classes) < labels:
        divisible = [i for i, (rows, depth) in enumerate(classes) if depth < depths and len(rows) > 1]
        if not divisible:
            break
        place = max(divisible, key=lambda i: len(classes[i][0]))  # the first of equally large ones
        rows, depth = classes.pop(place)
        most = labels - len(classes)
        classes[place:place] = [(part, depth + 1) for part in split(rows, depth, most)]
    numbers = np.empty(n, np.int64)
    for number, (rows, _) in enumerate(classes):
        numbers[rows] = number
    return numbers
