"""Synthesis: a mixture written out image by image, from as many target images as there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.mixture.mixture import Mixture
from geosearch.nn.streams import Batch


class Synthesis:
    """Each target image in turn is sent to every source by the maps, and mixed there.

    The reference comes first and goes where its plans send it; images beyond it are sent on by the maps' own
    rule (`FittedMap.message`). When the target is used up it begins again, with fresh weights and replicas.
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
        """A sentence: from which target images `size` images are made, and by which rule."""
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
        """Endless batches of `size` rows, in the order of the target's images; only one batch is in memory."""
        if self.mixture.weights.pairing == "random":
            yield from self.mixture.batches(size, rng)
        begin, n, known = 0, len(self.target), len(self.mixture.anchors.reference)
        while True:
            rows = np.arange(begin, begin + size) % n
            images, labels = self.mixture.mix_rows(np.where(rows < known, rows, 0), rng)
            if len(beyond := np.flatnonzero(rows >= known)):
                further = self.mixture.map_target(self.target.take(rows[beyond]))
                images[beyond], labels[beyond] = further.mix_rows(np.arange(len(beyond)), rng)
            yield images, labels
            begin = (begin + size) % n
