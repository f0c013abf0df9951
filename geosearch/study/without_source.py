"""WithoutSource: the best way to use a pretrained network on a target where no source pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from geosearch import seeds
from geosearch.adaptation.cross_validation import cross_validate
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.config.build import build_adaptation, build_recipe
from geosearch.config.study_config import StudyFile
from geosearch.runtime.parallel import one_thread
from geosearch.search.no_gain import NoGain
from geosearch.study.prepare import Prepared

RIDGE, SELF_TRAINED = "ridge", "self-train-ridge"
_FOLDS = 5


@dataclass(frozen=True)
class WithoutSource:
    """How the pretrained network is adapted.

    Attributes:
        errors: adaptation -> share of wrong labels in a cross-validation, in [0, 1]; empty if no class has two labels.

    >>> WithoutSource({"ridge": 0.31, "self-train-ridge": 0.22}).adaptation
    'self-train-ridge'
    """

    errors: Mapping[str, float]

    @classmethod
    def choose(cls, file: StudyFile, prepared: Prepared) -> WithoutSource:
        """Cross-validate a ridge head, and one that trains itself on the unlabelled images too, on the labels.

        Raises:
            TrainingFailedError: the features are NaN or infinite.
        """
        shots, seed = prepared.target.shots, seeds.integer(file.study.seed, "without source")
        if prepared.target.counts.max() < 2:
            return cls({})
        with one_thread():
            network = fresh_network(shots, build_recipe(file, prepared.network), seed)
            head = build_adaptation(RIDGE, file)
            taught = build_adaptation(SELF_TRAINED, file, prepared.unlabelled(file.recipe.unlabelled))
            plain = cross_validate(lambda part: head.fit(network, part, seed), shots, _FOLDS, seed)
            return cls({RIDGE: plain.top1_error, SELF_TRAINED: taught.score(network, shots, seed).top1_error})

    @property
    def adaptation(self) -> str:
        """The one of least error, the ridge head among equals; the other where no class has two labels, whose single
        labels gain most from the unlabelled images (reports/photographs.md)."""
        return min(self.errors, key=lambda name: self.errors[name]) if self.errors else SELF_TRAINED

    def sentences(self, reason: NoGain, *, judges: bool) -> tuple[str, ...]:
        """That no source pays, and what is the answer.

        Args:
            reason: why the search ended.
            judges: whether the labels judge the answer too, since there is no test part.
        """
        shares = ", ".join(f"{name} {100 * error:.0f} %" for name, error in self.errors.items())
        how = (
            f"by cross-validation on {'these' if judges else 'the'} labels ({shares} wrong)"
            if shares
            else "since no class has two labels"
        )
        return reason.sentence, f"The answer is the pretrained network as it is with {self.adaptation}, chosen {how}."
