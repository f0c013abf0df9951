"""TargetLabelling: the contract of pseudo-labels for the target that need no pretrained network."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Labeller
from geosearch.data.unlabelled import Labelling
from geosearch.embeddings.base import Encoder
from geosearch.runtime.registry import Choice


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


TARGET_LABELLINGS: Choice[Any] = Choice(
    "domain.pseudo_labels",
    default="ensemble",
    meaning="Labels of the reference.",
    room="geosearch.pseudo_labels",
)
PSEUDO_LABELLERS: Choice[Labelling] = Choice(
    "domain.pseudo_labeller",
    default=None,
    meaning="How sources without labels get pseudo-labels, in the study's embedding; if left out, a source without "
    "labels is refused.",
    room="geosearch.pseudo_labels",
)
