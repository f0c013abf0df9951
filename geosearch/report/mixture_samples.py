"""MixtureSamples: which images some samples of a mixture are made of, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import DrawStreams, Mixture, draw_weights
from geosearch.mixture.source_rows import Pictures
from geosearch.mixture.weights import Weights


@dataclass(frozen=True, eq=False)
class MixtureSamples:
    """Samples of a mixture of activations, as the images that they stand for.

    Attributes:
        target: uint8 (k, h, w, ch), the target image of each sample.
        sources: names of the m sources with a weight.
        images: uint8 (m, k, h, w, ch), what each sample has of each source.
        shares: (m, k), how much; they add up to 1 for each sample.

    Example:
        >>> import numpy as np
        >>> pictures = np.zeros((2, 3, 8, 8, 3), np.uint8)
        >>> MixtureSamples(pictures[0], ("a", "b"), pictures, np.full((2, 3), 0.5)).shares.sum(0).tolist()
        [1.0, 1.0, 1.0]
    """

    target: np.ndarray
    sources: tuple[str, ...]
    images: np.ndarray
    shares: np.ndarray

    @classmethod
    def draw(cls, anchors: Anchors, weights: Weights, pictures: Pictures, rows: np.ndarray) -> MixtureSamples:
        """Samples at some rows of the reference, drawn as a training draws them.

        Args:
            anchors: the sources, mapped from the target.
            weights: of the mixture.
            pictures: the images of the target and of the sources.
            rows: int64 (k,).
        """
        streams = DrawStreams.of(seeds.stream(0, "mixture samples"))
        shares = draw_weights(weights, len(rows), streams.shares).T
        picks = Mixture(anchors, weights).picks(rows, streams.replicas)
        used = [i for i, share in enumerate(weights.values) if share > 0]
        sources = [(anchors.sources[i], picks[i]) for i in used]
        return cls(
            pictures.show("", anchors.reference.images[rows]),
            tuple(source.name for source, _ in sources),
            np.stack([pictures.show(source.name, source.images[pick]) for source, pick in sources]),
            shares[used],
        )
