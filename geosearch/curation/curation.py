"""Curation: a labelled set looked at sample by sample, for its own sake or for that of a target."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geosearch.adaptation.ridge import one_hot
from geosearch.curation.detect import ROUNDS, Detection, detect
from geosearch.curation.extend import SHARE, Extension, extend
from geosearch.curation.reweight import STEPS, Reweighting, reweight
from geosearch.curation.weighted_pool import Pool
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.patches import RandomPatchFeatures
from geosearch.errors import DomainMismatchError
from geosearch.runtime.cache import Cache
from geosearch.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class Curation:
    """The samples of a set, in features, ready to be detected, reweighted or taken.

    >>> digits = geosearch.load("digits")                        # doctest: +SKIP
    >>> found = geosearch.Curation.of(digits).detect()           # doctest: +SKIP
    >>> found.ranking[:10], found.given, found.likely            # doctest: +SKIP

    Attributes:
        data: the set; its labels number the classes of the target where there is one.
        target: the core that it is to serve, or None: then it serves itself.
        pool: both as features and one-hot labels.
    """

    data: LabelledSet
    target: LabelledSet | None
    pool: Pool

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
            target: labelled samples of what it is for, of the same image shape and with the same classes by name.
            embedding: where the ridge head lives; `Patches()` if None. One that is trained on labels should not
                see those of `data`: what has learned a wrong label finds nothing wrong with it.
            ridge: penalty of the head; chosen by the leave-one-out error if None.
            seed: of the embedding.
            cache: where fitted embeddings are kept; the default cache if None.
            progress: who is told how far it is.

        Raises:
            DomainMismatchError: sets of different shapes, or a class of `data` that the target does not have.
        """
        sets = [data] if target is None else [data, target]
        common_shape(sets)
        if target is not None:
            data = _numbered_as(data, target)
        encoder = (embedding or RandomPatchFeatures()).fit(sets, seed=seed, cache=cache or Cache.default())
        classes = len((target or data).classes)
        core = None if target is None else (encoder.encode(target.images), one_hot(target.labels, classes))
        features = encoder.encode(data.images)
        pool = Pool.of(features, one_hot(data.labels, classes), core, ridge=ridge, progress=progress)
        return cls(data, target, pool)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that all labels number."""
        return self.data.classes

    def detect(self, *, rounds: int = ROUNDS) -> Detection:
        """Harmful and mislabelled samples, ranked (see `detect.detect`)."""
        return detect(self.pool, rounds=rounds)

    def reweight(self, *, steps: int = STEPS) -> Reweighting:
        """Weights that lower the leave-one-out error (see `reweight.reweight`)."""
        return reweight(self.pool, steps=steps)

    def extend(self, *, share: float = SHARE) -> Extension:
        """The samples worth adding to the target (see `extend.extend`)."""
        return extend(self.pool, share=share)


def _numbered_as(data: LabelledSet, target: LabelledSet) -> LabelledSet:
    """The set with its labels renumbered to the target's classes of the same names."""
    unknown = [name for name in data.classes if name not in target.classes]
    if unknown:
        raise DomainMismatchError(
            f"set '{data.name}' has classes that the target '{target.name}' does not have "
            f"({', '.join(unknown[:5])}); curation needs the same class names in both "
            f"({', '.join(target.classes[:5])}, ...): rename or leave out those classes"
        )
    numbers = np.array([target.classes.index(name) for name in data.classes])
    return replace(data, labels=numbers[data.labels], classes=target.classes)
