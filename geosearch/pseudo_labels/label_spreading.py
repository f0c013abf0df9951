"""LabelSpreading: labels diffuse from the shots over a nearest-neighbour graph of the unlabelled images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Labeller
from geosearch.embeddings.base import Encoder
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.base import TARGET_LABELLINGS
from geosearch.pseudo_labels.nearest import NearestLabeller, chunks, nearest_rows


@TARGET_LABELLINGS.register("spreading", "spread among near images")
@dataclass(frozen=True)
class LabelSpreading:
    """Spread the shots' labels over the nearest-neighbour graph of shots and unlabelled images.

    Other images are then labelled as their nearest neighbour in the graph.

    Source: Zhou et al. 2004 (learning with local and global consistency), by scikit-learn's `LabelSpreading`.

    Attributes:
        neighbours: neighbours of each image in the graph, at least 2; as in scikit-learn, the image itself counts.
        alpha: fraction in (0, 1) of its label that an image adopts from its neighbours.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings.pixels import PixelEncoder
        >>> digits = geosearch.load("digits").take(range(500))
        >>> labeller = LabelSpreading().fit(digits.take(range(100)), digits.images[100:], PixelEncoder())
        >>> bool((labeller(digits.images[100:]) == digits.labels[100:]).mean() > 0.8)
        True
    """

    neighbours: int = 7
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if self.neighbours < 2 or not 0 < self.alpha < 1:
            raise InvalidOptionError(
                f"LabelSpreading needs neighbours >= 2 and alpha in (0, 1), got {self.neighbours} and {self.alpha}"
            )

    def fit(self, shots: LabelledSet, unlabelled: np.ndarray, encoder: Encoder) -> Labeller:
        """Spread the labels over all unlabelled images (n, h, w, ch).

        An image in a component of the graph without a shot is labelled as its nearest labelled image.
        """
        from sklearn.semi_supervised import LabelSpreading

        codes = np.concatenate([encoder.encode(chunk) for chunk in (shots.images, *chunks(unlabelled))])
        known = np.concatenate([shots.labels, np.full(len(unlabelled), -1)])
        model = LabelSpreading(
            kernel="knn", n_neighbors=min(self.neighbours, len(codes) - 1), alpha=self.alpha, max_iter=1000, tol=1e-9
        )
        model.fit(codes, known)
        reached = model.label_distributions_.sum(1) > 0
        labels = np.where(reached, model.transduction_, -1)
        unreached = np.flatnonzero(~reached)
        if len(unreached):
            labels[unreached] = labels[reached][nearest_rows(codes[unreached], codes[reached])]
        return NearestLabeller(labels, codes, encoder)
