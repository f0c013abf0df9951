"""NoGain: that no baseline of a search is better than no pretraining by more than the noise of the objective."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from geosearch.search.options import SearchOptions
from geosearch.search.racing import APART
from geosearch.search.trial_record import TrialRecord, drop_repeats


@dataclass(frozen=True)
class NoGain:
    """Why a search ended after its baselines.

    The noise is the standard error of the difference of two networks' errors, paired over the labels that are left out
    (or over the episodes, whose pseudo-labels are wrong for all alike, so that theirs is too small).

    Attributes:
        evaluations: budget of the search that ended; with a larger one it goes on.
        trials: baselines that were evaluated.
        role: the one that comes nearest to a gain.
        gain: its squared error below that of no pretraining.
        noise: standard error of the gain.
        answer: number of the baseline that is the answer all the same, where the pretrained features are kept beside
            the trained ones: on six targets the union of all sources took next to nothing away then, and choosing
            mixtures by such labels gained less (reports/photographs.md). None: no pretraining is.

    >>> print(NoGain(evaluations=24, trials=8, role="pooled union", gain=0.012, noise=0.02).sentence)
    No source pays: none of 8 mixtures of the sources is better than no pretraining by more than 2 standard errors \
(the nearest to it, pooled union, by 0.012 ± 0.02).
    """

    evaluations: int
    trials: int
    role: str
    gain: float
    noise: float
    answer: int | None = None

    @classmethod
    def of(cls, trials: Iterable[TrialRecord], evaluations: int, usual: str = "") -> NoGain | None:
        """None if a trial is better by more than the noise, or if none was evaluated.

        Args:
            trials: the baselines, with the errors of no pretraining on their paths.
            evaluations: budget of the search.
            usual: role of the baseline that is to be the answer, if one is; not where it failed, or where its error is
                clearly least with the pretrained weights as they are.
        """
        gains = {trial: _gain(trial) for trial in trials if trial.error is not None and trial.path}
        if not gains or any(gain > APART * noise for gain, noise in gains.values()):
            return None
        moved = [trial for trial, (_, noise) in gains.items() if noise] or list(gains)
        nearest = max(moved, key=lambda trial: gains[trial][0] / max(gains[trial][1], 1e-300))
        answers = [trial.number for trial in gains if usual and trial.role.startswith(usual) and trial.interpolation]
        return cls(evaluations, len(gains), nearest.role, *gains[nearest], answers[0] if answers else None)

    @classmethod
    def of_baselines(
        cls, trials: Iterable[TrialRecord], baselines: int, options: SearchOptions, usual: str = ""
    ) -> NoGain | None:
        """As `of`, by the trials of the rounds that hold baselines; None before these are over, and in later rounds.

        Args:
            trials: of the study.
            baselines: how many the study has.
            options: how the search is run.
            usual: as in `of`.
        """
        rounds = options.rounds(baselines)
        proposed = [trial for trial in trials if trial.state != "repeat"]
        first = [trial for trial in proposed if trial.round < rounds]
        if len(first) < len(proposed) or len(first) < min(rounds * options.batch, options.evaluations):
            return None
        return cls.of(drop_repeats(first), options.evaluations, usual)

    @property
    def sentence(self) -> str:
        """For people."""
        if self.answer is None:
            return f"No source pays: {self._finding}."
        return (
            f"{self.ended} The union of all sources is taken, whose trained features stand beside the pretrained ones."
        )

    @property
    def ended(self) -> str:
        """The same where the answer is something else than the best mixture or no pretraining."""
        return f"The search ended early: {self._finding}."

    @property
    def _finding(self) -> str:
        return (
            f"none of {self.trials} mixtures of the sources is better than no pretraining by more than {APART:g} "
            f"standard errors ({self._nearest})"
        )

    @property
    def _nearest(self) -> str:
        if not self.noise:
            return "each is best with the pretrained weights as they are"
        return f"the nearest to it, {self.role}, by {f'{self.gain:.2g}'.replace('-', '−')} ± {self.noise:.2g}"


def gains(trial: TrialRecord) -> bool:
    """Whether a mixture is better than no pretraining by more than the noise; False if that was not scored."""
    if not trial.path or trial.interpolation is None:
        return False
    gain, noise = _gain(trial)
    return gain > APART * noise


def _gain(trial: TrialRecord) -> tuple[float, float]:
    """Error of no pretraining minus that of the trial, and the standard error of the difference."""
    start, *_ = trial.path
    (chosen,) = (point for point in trial.path if point.coefficient == trial.interpolation)
    return start.squared_error - chosen.squared_error, chosen.deviation
