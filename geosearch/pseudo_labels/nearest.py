"""Pseudo-labels: what the unlabelled images of a target are taken for, from its few labelled shots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Labeller
from geosearch.embeddings.base import Encoder
from geosearch.errors import InvalidOptionError

_CHUNK = 4096  # images labelled at a time


class PseudoLabels(Protocol):
    """A way of labelling (the choice); `fit` gives the labeller."""

    def fit(self, shots: LabelledSet, unlabelled: np.ndarray, encoder: Encoder) -> Labeller:
        """Learn from the shots, and perhaps from where unlabelled images (n, h, w, ch) of the same target lie."""
        ...


@dataclass(frozen=True)
class NearestShot:
    """Every image takes the label of its nearest shot in the embedding (1-NN).

    Source: Fan & Alvarez-Melis 2023, sec. 5, there in pixels.
    """

    def fit(self, shots: LabelledSet, unlabelled: np.ndarray, encoder: Encoder) -> Labeller:
        return NearestLabeller(shots.labels, encoder.encode(shots.images), encoder)


@dataclass(frozen=True, eq=False)
class NearestLabeller:
    """Labels (k,) and codes (k, d) of the shots, and the encoder of what is labelled."""

    labels: np.ndarray
    codes: np.ndarray
    encoder: Encoder

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [self.labels[nearest(self.encoder.encode(part), self.codes)] for part in _parts(images)]
            or [np.empty(0, np.int64)]
        )


@dataclass(frozen=True)
class LabelSpreading:
    """Labels spread from the shots along chains of near neighbours among the unlabelled images.

    Source: Zhou et al. 2004 (learning with local and global consistency), by scikit-learn's `LabelSpreading`.

    Attributes:
        neighbours: of each image in the graph, itself among them, as scikit-learn counts; 2 at least.
        alpha: share in (0, 1) of its label that an image takes from its neighbours.
    """

    neighbours: int = 7
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if self.neighbours < 2 or not 0 < self.alpha < 1:
            raise InvalidOptionError(
                f"Spreading needs neighbours >= 2 and alpha in (0, 1), got {self.neighbours} and {self.alpha}"
            )

    def fit(self, shots: LabelledSet, unlabelled: np.ndarray, encoder: Encoder) -> Labeller:
        from sklearn.semi_supervised import LabelSpreading

        codes = np.concatenate([encoder.encode(part) for part in (shots.images, *_parts(unlabelled))])
        known = np.concatenate([shots.labels, np.full(len(unlabelled), -1)])
        model = LabelSpreading(
            kernel="knn", n_neighbors=min(self.neighbours, len(codes) - 1), alpha=self.alpha, max_iter=1000, tol=1e-9
        )
        model.fit(codes, known)
        reached = model.label_distributions_.sum(1) > 0  # a part of the graph without a shot stays dark
        labels = np.where(reached, model.transduction_, -1)
        dark = np.flatnonzero(~reached)
        if len(dark):
            labels[dark] = labels[reached][nearest(codes[dark], codes[reached])]
        return NearestLabeller(labels, codes, encoder)


def nearest(codes: np.ndarray, shot_codes: np.ndarray) -> np.ndarray:
    """Row number of the nearest of `shot_codes` (k, d) for each of `codes` (n, d) -> (n,); first on a tie."""
    anchors = shot_codes.astype(np.float64)
    squares = (anchors**2).sum(1)  # (k,)
    found = np.empty(len(codes), np.int64)
    for start in range(0, len(codes), _CHUNK):
        block = codes[start : start + _CHUNK].astype(np.float64)
        found[start : start + _CHUNK] = (squares - 2 * block @ anchors.T).argmin(1)  # |x|^2 is common to a row
    return found


def _parts(images: np.ndarray) -> Iterator[np.ndarray]:
    return (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
