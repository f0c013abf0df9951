"""Fidelities: what each way to evaluate a mixture cost, and how well it ranks mixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.samplers.prior import ProxyDesign
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_record import TrialRecord, drop_repeats


class Fidelity(StrEnum):
    """The ways to evaluate a mixture, from the cheapest to the most expensive."""

    CLOSED_FORM = "closed form"
    PROXY = "proxy"
    HYPERGRADIENT = "hypergradient"
    SHORT = "short recipe"
    LONG = "long recipe"


Read = Callable[[TrialRecord], float | None]
_SCORES: dict[Fidelity, tuple[Read, Read]] = {  # the value of a trial, and the more expensive one that it predicts
    Fidelity.CLOSED_FORM: (lambda trial: trial.closed_form, lambda trial: trial.error),
    Fidelity.PROXY: (lambda trial: trial.proxy, lambda trial: trial.error),
    Fidelity.SHORT: (lambda trial: trial.expected_error, lambda trial: trial.long_error),
}


@dataclass(frozen=True)
class FidelityStatistics:
    """What one fidelity cost in a study, and how well it ranks mixtures.

    Attributes:
        fidelity: which one.
        evaluations: mixtures (hypergradient, long recipe: trainings) that it evaluated, each counted once.
        seconds: wall time of all of them.
        agreement: rank agreement with the more expensive evaluation that it predicts; None for the last fidelity.

    >>> print(FidelityStatistics(Fidelity.PROXY, evaluations=40, seconds=2.0).mean_seconds)
    0.05
    """

    fidelity: Fidelity
    evaluations: int
    seconds: float
    agreement: RankAgreement | None = None

    @property
    def mean_seconds(self) -> float:
        """Wall time of one evaluation."""
        return self.seconds / self.evaluations if self.evaluations else 0.0

    @property
    def agreement_text(self) -> str:
        """Tau with its interval, or why there is none; empty for the last fidelity."""
        if self.agreement is None:
            return ""
        if not np.isfinite(self.agreement.tau):
            return f"too few to judge ({self.agreement.trials})"
        return f"{self.agreement.tau:+.2f} [{self.agreement.low:+.2f}, {self.agreement.high:+.2f}]"


def rank_agreement(fidelity: Fidelity, trials: Iterable[TrialRecord]) -> RankAgreement:
    """Rank agreement of a fidelity with the more expensive evaluation, over the trials that have both.

    Closed form and proxy are compared with the error after the short recipe; the error expected after the short recipe
    is compared with that after the long one.
    """
    score, outcome = _SCORES[fidelity]
    both = drop_repeats(trial for trial in trials if None not in (score(trial), outcome(trial)))
    known = np.array([(score(trial), outcome(trial)) for trial in both], dtype=float).reshape(-1, 2)
    return RankAgreement.of(*known.T)


def fidelity_statistics(store: StudyStore) -> tuple[FidelityStatistics, ...]:
    """Every fidelity of a study, from the cheapest to the most expensive; that of a sampler only if it was used."""
    record, trials = store.record, store.trials()
    design, weighting = record.debiased_design or ProxyDesign((), 0.0), record.source_weights
    with_proxy = drop_repeats(trial for trial in trials if trial.proxy is not None)
    trained = drop_repeats(trial for trial in trials if trial.error is not None)
    finalists = [trial for trial in trials if trial.long_runs]
    costs = {
        Fidelity.CLOSED_FORM: (len(trials), sum(trial.closed_seconds for trial in trials)),
        Fidelity.PROXY: (
            len(with_proxy) + len(design.values),
            sum(trial.proxy_seconds for trial in with_proxy) + design.seconds,
        ),
        **({Fidelity.HYPERGRADIENT: (1, weighting.seconds)} if weighting else {}),
        Fidelity.SHORT: (len(trained), sum(trial.wall_seconds for trial in trained)),
        Fidelity.LONG: (
            sum(trial.long_runs for trial in finalists),
            sum(trial.long_seconds for trial in finalists),
        ),
    }
    return tuple(
        FidelityStatistics(fidelity, *cost, rank_agreement(fidelity, trials) if fidelity in _SCORES else None)
        for fidelity, cost in costs.items()
    )
