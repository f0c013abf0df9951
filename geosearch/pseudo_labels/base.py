"""TargetLabelling: the contract of pseudo-labels for the target that need no pretrained network."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Labeller
from geosearch.embeddings.base import Encoder


class TargetLabelling(Protocol):
    """A way to label the target's unlabelled images from its few labelled shots."""

    def fit(self, shots: LabelledSet, unlabelled: np.ndarray, encoder: Encoder) -> Labeller:
        """Fit a labeller.

        Args:
            shots: labelled images of the target.
            unlabelled: uint8 (n, h, w, ch), further images of the target; not every labelling uses them.
            encoder: the embedding in which images are compared.
        """
        ...
