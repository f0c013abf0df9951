"""WithoutSource: how a pretrained network is used without any source, as the labels of a target say."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch import seeds
from geosearch.adaptation.automatic import AUTOMATIC, Automatic
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.adaptation.head_choice import RIDGE, SELF_TRAINED, HeadChoice
from geosearch.config.build import build_adaptation, build_recipe
from geosearch.config.study_config import StudyFile
from geosearch.runtime.parallel import one_thread
from geosearch.search.no_gain import NoGain
from geosearch.study.prepare import Prepared


@dataclass(frozen=True)
class WithoutSource:
    """How the pretrained network is adapted.

    Attributes:
        head: which head, and why.

    >>> WithoutSource(HeadChoice({"ridge": 0.31, "self-train-ridge": 0.22}, standard_error=0.05)).sentence
    'adaptation: self-train-ridge, chosen by cross-validation on the labels (ridge 31 %, self-train-ridge 22 % wrong)'
    """

    head: HeadChoice

    @classmethod
    def choose(cls, file: StudyFile, prepared: Prepared) -> WithoutSource:
        """Cross-validate the heads of `Automatic` on the network as it is.

        Raises:
            TrainingFailedError: the features are NaN or infinite.
        """
        shots, seed = prepared.target.shots, seeds.integer(file.study.seed, "without source")
        network = fresh_network(shots, build_recipe(file, prepared.network), seed)
        how = build_adaptation(AUTOMATIC, file, prepared.unlabelled(file.recipe.unlabelled))
        assert isinstance(how, Automatic)
        with one_thread():
            return cls(how.choose(network, shots, seed))

    @property
    def adaptation(self) -> str:
        """Its name."""
        return self.head.name

    @property
    def sentence(self) -> str:
        """Which, and why."""
        return f"adaptation: {self.head}"

    def sentences(self, reason: NoGain) -> tuple[str, ...]:
        """That no source pays, and what is the answer."""
        return reason.sentence, f"The answer is the pretrained network as it is with {self.head}."


HEADS_OF_FOLDS = f"{RIDGE} or {SELF_TRAINED}, whichever cross-validation on the labels prefers"
CHOSEN_IN_FOLDS = f"adaptation: {HEADS_OF_FOLDS}, chosen in each fold anew without the labels that judge"


def answer_in_folds(reason: NoGain) -> tuple[str, ...]:
    """That no source pays, and what is the answer, where the labels judge."""
    return reason.sentence, f"The answer is the pretrained network as it is with {HEADS_OF_FOLDS}."
