"""The confirmation of one of the studies of `searches.py`, of rows that those studies do not train."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.adaptation.head_choice import RIDGE, SELF_TRAINED
from geosearch.config.build import build_mixing_space
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.confirm import Confirmer
from geosearch.mixture import Mixture, Weights
from geosearch.runtime.cache import Cache
from geosearch.study.build_confirmation import build_confirmer, choose_interpolation
from geosearch.study.prepare import Prepared, prepare
from research.photographs.searches import sections
from research.photographs.study_files import study_file

HEADS = (RIDGE, SELF_TRAINED)


@dataclass(frozen=True, eq=False)
class Confirmed:
    """The confirmation of a study that is not searched.

    Attributes:
        file: the study; its rows are under both heads.
        prepared: its data.
        confirmer: trains and adapts as the study's confirmation does.
        numbers: a seed for each training.
    """

    file: StudyFile
    prepared: Prepared
    confirmer: Confirmer
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, target: str, shots: int | str, draw: int) -> Confirmed:
        """That of `searches.studied`; no network of a mixture is fine-tuned."""
        file, cache = study_file(target, shots, draw, sections(shots)).with_adaptation(SELF_TRAINED), Cache.default()
        prepared = prepare(file, build_mixing_space(file), cache, lambda name: nullcontext())
        confirmer = build_confirmer(file, prepared, cache, fine_tunes_mixtures=False)
        numbers = tuple(seeds.integer(file.study.seed, "confirmation", i) for i in range(file.confirm.seeds))
        return cls(file, prepared, confirmer, numbers)

    def plain(self, weights: Weights) -> Plain:
        """A mixture whose network is kept as far from the pretrained weights as one that no trial has scored."""
        return Plain(Mixture(self.prepared.anchors, weights), None, choose_interpolation(self.file, {})(weights))

    def errors(self, predicted: np.ndarray) -> list[float]:
        """Test errors of predictions (k, n)."""
        sealed = self.prepared.target.test_labels  # as in `Confirmer.run`, which needs a best mixture
        assert sealed is not None
        return [round(float(one), 5) for one in (predicted != sealed.reveal()).mean(axis=1)]
