"""DisjointLabels: every class of every source is a label of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.mixture.label_spaces.base import LABEL_SPACES, FittedLabelSpace, union_names


@LABEL_SPACES.register("disjoint", "none: the labels are the disjoint union of the sources' classes")
@dataclass(frozen=True)
class DisjointLabels:
    """The disjoint union of the sources' classes, as in Fan & Alvarez-Melis 2023."""

    def fit(self, sources: Sequence[LabelledSet], encoder: Encoder) -> FittedLabelSpace:
        """Nothing is fitted."""
        names = union_names(sources)
        return FittedLabelSpace.of(names, range(len(names)))
