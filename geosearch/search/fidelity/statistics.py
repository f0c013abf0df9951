"""Rungs: what each way of looking at a mixture cost, how far it is to be trusted, and what it saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.search.fidelity.rank_agreement import RankAgreement, trust
from geosearch.search.samplers.prior import ProxyDesign
from geosearch.search.study_store import StudyStore
from geosearch.search.trial import PruneReason, TrialRecord, distinct

CLOSED, PROXY, SHORT, LONG = "closed form", "held-out OTDD", "short recipe", "long recipe"

Read = Callable[[TrialRecord], float | None]
_SCORES: dict[str, tuple[Read, Read]] = {  # rung -> what it says of a trial, and what that is judged by
    CLOSED: (lambda trial: trial.closed_form, lambda trial: trial.error),
    PROXY: (lambda trial: trial.proxy, lambda trial: trial.error),
    SHORT: (lambda trial: trial.expected_error, lambda trial: trial.long_error),
}


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder.

    Attributes:
        name: of the rung.
        looks: mixtures (or trainings) it looked at, each counted once.
        seconds: what that took, in all.
        trust: rank agreement with the error of those that were trained, or trained at length; None for the last rung.
        stopped: mixtures that it kept from the next rung.
        saved: seconds that the next rung would have taken for these, at the mean of those it looked at.
    """

    name: str
    looks: int
    seconds: float
    trust: RankAgreement | None = None
    stopped: int = 0
    saved: float = 0.0

    @property
    def each(self) -> float:
        """Seconds of one look."""
        return self.seconds / self.looks if self.looks else 0.0

    @property
    def agreement(self) -> str:
        """Its tau with the interval, or why there is none; nothing for the last rung."""
        if self.trust is None:
            return ""
        if not np.isfinite(self.trust.tau):
            return f"too few to judge ({self.trust.trials})"
        return f"{self.trust.tau:+.2f} [{self.trust.low:+.2f}, {self.trust.high:+.2f}]"


def rank_agreement(name: str, trials: Iterable[TrialRecord]) -> RankAgreement:
    """Trust in a rung, over the trials that have both its score and the error that it is judged by.

    Closed form and held-out OTDD are both judged by the error of the short recipe, what is expected after that by the
    error of the long one.
    """
    score, outcome = _SCORES[name]
    judged = distinct(trial for trial in trials if None not in (score(trial), outcome(trial)))
    known = np.array([(score(trial), outcome(trial)) for trial in judged], dtype=float).reshape(-1, 2)
    return trust(*known.T)


def rungs_of(store: StudyStore) -> tuple[Rung, ...]:
    """The rungs of a study, from the cheap to the dear."""
    trials, before = store.trials(), store.record.proxy_design or ProxyDesign((), 0.0)
    looked = distinct(trial for trial in trials if trial.proxy is not None)
    trained = distinct(trial for trial in trials if trial.error is not None)
    lengthened = [trial for trial in trials if trial.long_runs]
    looks = len(looked) + len(before.values)
    looking = sum(trial.proxy_seconds for trial in looked) + before.seconds
    short, long = (sum(t.wall_seconds for t in trained), sum(t.long_seconds for t in lengthened))
    early = [_stopped(trials, one) for one in (PruneReason.CLOSED_FORM, PruneReason.PROXY)]
    kept = len(trained) - len(lengthened) if lengthened else 0
    return (
        _rung(CLOSED, trials, len(trials), sum(t.closed_seconds for t in trials), early[0], looking / max(looks, 1)),
        _rung(PROXY, trials, looks, looking, early[1], short / max(len(trained), 1)),
        _rung(SHORT, trials, len(trained), short, kept, long / max(len(lengthened), 1)),
        Rung(LONG, sum(trial.long_runs for trial in lengthened), long),
    )


def _rung(name: str, trials: Sequence[TrialRecord], looks: int, seconds: float, stopped: int, dearer: float) -> Rung:
    return Rung(name, looks, seconds, rank_agreement(name, trials), stopped, stopped * dearer)


def _stopped(trials: Sequence[TrialRecord], reason: PruneReason) -> int:
    return sum(trial.pruned is not None and trial.pruned.reason == reason for trial in trials)
