"""Synthesis: the images of a mixture made from given target images, in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.mixture.mixture import Mixture
from geosearch.nn.streams import Batch


class Synthesis:
    """A stream that maps each target image to every source and mixes the results.

    The reference comes first, mapped by its plans; other target images are mapped by the extended maps (see
    `FittedMap.message`). After the last image it starts again, with new random weights and replicas.

    Args:
        mixture: the mixture.
        target: target images with pseudo-labels, starting with the reference of the mixture.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> target, one, other = (digits.take(range(i, i + 50)) for i in (0, 50, 100))
        >>> encoder = geosearch.Pixels().fit([one, other], seed=0, cache=None)
        >>> anchors = geosearch.build_anchors(target, [one, other], encoder)
        >>> mixture = geosearch.Mixture(anchors, geosearch.Weights.of([0.5, 0.5]))
        >>> Synthesis(mixture, target).describe(100)
        '100 images from 50 of the 50 reference images of the target, 2.0 times each with fresh weights'
    """

    def __init__(self, mixture: Mixture, target: LabelledSet) -> None:
        self.mixture = mixture
        self.target = target

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.mixture.class_names

    @property
    def class_count(self) -> int:
        return self.mixture.class_count

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.mixture.image_shape

    def describe(self, size: int) -> str:
        """A sentence: from which target images `size` images are made, and how these are mapped."""
        known, used = len(self.mixture.anchors.reference), min(size, len(self.target))
        turns = "" if size <= used else f", {size / used:.1f} times each with fresh weights"
        if self.mixture.weights.pairing == "random":
            return f"{size:,} images of randomly paired source images; no target image decides which meet"
        if used <= known:
            return f"{size:,} images from {used:,} of the {known:,} reference images of the target{turns}"
        rule = self.mixture.anchors.sources[0].map.message.rsplit("; ", 1)[-1]
        return (
            f"{size:,} images from the {known:,} reference images of the target and {used - known:,} further ones"
            f"{turns}; {rule}"
        )

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless batches of `size` rows in the order of the target images; one batch at a time is in memory."""
        if self.mixture.weights.pairing == "random":
            yield from self.mixture.batches(size, rng)
        begin, n, known = 0, len(self.target), len(self.mixture.anchors.reference)
        while True:
            rows = np.arange(begin, begin + size) % n
            images, labels = self.mixture.mix_rows(np.where(rows < known, rows, 0), rng)
            if len(beyond := np.flatnonzero(rows >= known)):
                further = self.mixture.map_target(self.target.take(rows[beyond]))
                images[beyond], labels[beyond] = further.mix_rows(np.arange(len(beyond)), rng)
            yield images, self.mixture.anchors.merge_labels(labels)
            begin = (begin + size) % n
