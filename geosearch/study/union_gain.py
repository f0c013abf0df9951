"""UnionGain: whether the deep union is the answer of a study."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch.search.no_gain import gains
from geosearch.search.objective import Objective
from geosearch.search.trial_record import TrialRecord
from geosearch.search.weight_path import path_place
from geosearch.study.union_path import UnionPath


@dataclass(frozen=True)
class UnionGain:
    """Whether the deep union is the answer of a study, by its squared error on what judged the search.

    It is, unless labels judge, and the error of no pretraining, or of a best mixture that is clearly better than
    that, is smaller by more than one standard error of the gain. Pseudo-labelled images do not object: the pretrained
    features labelled them, which favors networks near to these, and their errors are alike, so that the noise is too
    small. On six sets of photographs answers had 3.0 ± 3.5 points less error for it, 1 to 7 on five of them, and on one
    2.7 ± 5.0 more (reports/photographs.md).

    Attributes:
        stages: of the network.
        gain: squared error of no pretraining minus that of the deep union.
        noise: standard error of the gain, paired over the labels that are left out, or over episodes.
        interpolation: how far it is from the pretrained weights (0) to the trained ones (1).
        ahead: squared error of the best mixture minus that of the deep union; None if that mixture is not clearly
            better than no pretraining.
        is_pseudo: whether pseudo-labelled images judged.

    >>> UnionGain(4, gain=0.09, noise=0.03).is_answer, UnionGain(4, gain=-0.09, noise=0.03).is_answer
    (True, False)
    """

    stages: int
    gain: float
    noise: float
    interpolation: float = 1.0
    ahead: float | None = None
    is_pseudo: bool = False

    @classmethod
    def measure(cls, union: UnionPath, objective: Objective, best: TrialRecord | None, *, labels: int) -> UnionGain:
        """Compare it with no pretraining, and with the best mixture.

        Args:
            union: the deep union.
            objective: of the search.
            best: the best mixture, if there is one.
            labels: number of labelled images; if the objective has more, the others are pseudo-labelled.

        Raises:
            TrainingFailedError: features are NaN or infinite.
        """
        path = union.measure(objective)
        place = 1 + path.without_first.chosen
        point, gaps = path.points[place], path.losses[0] - path.losses[place]
        ahead = best.error - point.squared_error if best and best.error is not None and gains(best) else None
        is_pseudo = len(objective.images) > labels
        return cls(union.stages, float(gaps.mean()), point.deviation, point.coefficient, ahead, is_pseudo)

    @property
    def is_answer(self) -> bool:
        """Whether no label is clearly against it."""
        return self.is_pseudo or min(self.gain, self.gain if self.ahead is None else self.ahead) >= -self.noise

    def sentences(self, adaptation: str, *, labels_judge: bool = False) -> tuple[str, ...]:
        """What is the answer, and why.

        Args:
            adaptation: of the answer, in words.
            labels_judge: whether the labels that chose it judge the rows as well.
        """
        gap, side = f"{abs(self.gain):.2g} ± {self.noise:.2g}", "below" if self.gain >= 0 else "above"
        judged = ". No label judged that: on pseudo-labelled images" if self.is_pseudo else ": on the labels"
        place = "" if self.interpolation == 1 else f", at {path_place(self.interpolation)}"
        chosen = " All labels chose it, those that judge included." if labels_judge and not self.is_pseudo else ""
        return (
            f"The answer is the network whose last {self.stages} stages were trained on all sources{place}, which "
            f"needs no search, with {adaptation}{judged} its squared error is {gap} {side} that "
            f"of no pretraining.{chosen}",
        )
