"""Curation: detect, reweight or select the samples of a labelled set by their effect on the error of a ridge head."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geosearch.adaptation.ridge import one_hot
from geosearch.curation.detection import ROUNDS, Detection, detect
from geosearch.curation.extension import SHARE, Extension, extend
from geosearch.curation.reweighting import STEPS, Reweighting, reweight
from geosearch.curation.weighted_pool import WeightedPool
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.patches import RandomPatchFeatures
from geosearch.errors import DomainMismatchError
from geosearch.runtime.cache import Cache
from geosearch.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class Curation:
    """The samples of a labelled set, embedded, with the error of a ridge head that their weights should reduce.

    With a target, the error is the leave-one-out error on the target; without one, that on the set itself.

    Attributes:
        data: the set; its labels are renumbered to the classes of the target, if there is one.
        target: the core set, or None.
        pool: both as features and one-hot labels.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings.pca import PCA
        >>> digits = geosearch.load("digits").take(range(500))
        >>> detection = Curation.of(digits, embedding=PCA(16)).detect()
        >>> detection.ranking.shape  # row numbers, the most harmful sample first
        (500,)
    """

    data: LabelledSet
    target: LabelledSet | None
    pool: WeightedPool

    @classmethod
    def of(
        cls,
        data: LabelledSet,
        target: LabelledSet | None = None,
        *,
        embedding: Embedding | None = None,
        ridge: float | None = None,
        seed: int = 0,
        cache: Cache | None = None,
        progress: Progress | None = None,
    ) -> Curation:
        """Embed the samples.

        Args:
            data: the set to curate.
            target: labelled samples of the target, with the same image shape and the same class names.
            embedding: features of the ridge head; `RandomPatchFeatures()` if None. Do not use features that were
                trained on the labels of `data`: they may have memorized wrong labels.
            ridge: penalty of the head; selected by the leave-one-out error if None.
            seed: seed of the embedding.
            cache: keeps the fitted embedding; the default cache if None.
            progress: told how many rows are done; the log if None.

        Raises:
            DomainMismatchError: sets of different image shapes, or a class of `data` that the target does not have.
        """
        sets = [data] if target is None else [data, target]
        common_shape(sets)
        if target is not None:
            data = _renumber_classes(data, target)
        encoder = (embedding or RandomPatchFeatures()).fit(sets, seed=seed, cache=cache or Cache.default())
        classes = len((target or data).classes)
        core = None if target is None else (encoder.encode(target.images), one_hot(target.labels, classes))
        features = encoder.encode(data.images)
        pool = WeightedPool.of(features, one_hot(data.labels, classes), core, ridge=ridge, progress=progress)
        return cls(data, target, pool)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.data.classes

    def detect(self, *, rounds: int = ROUNDS) -> Detection:
        """Find harmful and mislabelled samples; see `curation.detect`."""
        return detect(self.pool, rounds=rounds)

    def reweight(self, *, steps: int = STEPS) -> Reweighting:
        """Find weights that reduce the leave-one-out error; see `curation.reweight`."""
        return reweight(self.pool, steps=steps)

    def extend(self, *, share: float = SHARE) -> Extension:
        """Select the samples that reduce the target's error when added to it; see `curation.extend`."""
        return extend(self.pool, share=share)


def _renumber_classes(data: LabelledSet, target: LabelledSet) -> LabelledSet:
    """Renumber the labels of a set to the target's classes of the same names."""
    unknown = [name for name in data.classes if name not in target.classes]
    if unknown:
        raise DomainMismatchError(
            f"set '{data.name}' has classes that the target '{target.name}' does not have "
            f"({', '.join(unknown[:5])}); curation needs the same class names in both "
            f"({', '.join(target.classes[:5])}, ...): rename or leave out those classes"
        )
    numbers = np.array([target.classes.index(name) for name in data.classes])
    return replace(data, labels=numbers[data.labels], classes=target.classes)
