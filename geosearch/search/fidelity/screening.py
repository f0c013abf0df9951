"""Gate: what may end a proposal before it is trained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from geosearch.mixture.weights import Weights
from geosearch.runtime.events import RankAgreementMeasured, TrialPruned
from geosearch.runtime.progress import Progress
from geosearch.search.fidelity.promotion import shares_to_go_on
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.fidelity.pruner import CLOSED_RUNG, PROXY_RUNG, RungPruner
from geosearch.search.fidelity.statistics import CLOSED, PROXY, rank_agreement
from geosearch.search.samplers.base import alike
from geosearch.search.trial import ProxyCost, Pruned, PruneReason, TrialRecord, admit, keep_fact


@dataclass(frozen=True, eq=False)
class Screening:
    """The cheap rungs, one after the other: a proposal passes if it is new and no trusted rung speaks against it.

    Attributes:
        study: the Optuna study.
        held_out: the dearer of the two rungs.
        look: what it costs, in units of a short training.
        progress: who is told.
    """

    study: optuna.Study
    held_out: Proxy
    look: float
    progress: Progress

    def set(self, trials: Sequence[TrialRecord], *, prune: bool) -> None:
        """Decide how much each rung may stop, by how far the trials so far bear it out."""
        closed, proxy = rank_agreement(CLOSED, trials), rank_agreement(PROXY, trials)
        self.progress.event(RankAgreementMeasured(tau=proxy.tau, trusted=proxy.trusted))
        shares = shares_to_go_on(closed, proxy, self.look, max(proxy.trials, 1)) if prune else (1.0, 1.0)
        self.study.pruner = RungPruner(dict(zip((CLOSED_RUNG, PROXY_RUNG), shares, strict=True)))

    def should_train(
        self,
        trial: optuna.Trial,
        point: Weights,
        *,
        trials: Sequence[TrialRecord],
        beside: Sequence[Weights],
        certainly: bool,
    ) -> bool:
        """Whether a proposal is to be trained; if not, it has ended.

        Args:
            trial: the proposal.
            point: its mixture.
            trials: that ended before.
            beside: mixtures of the same round.
            certainly: it is looked at, but passes whatever is seen.
        """
        pruned = None if certainly else _repeat(point, trials, beside)
        if pruned is None and not certainly and trial.should_prune():
            pruned = Pruned(PruneReason.CLOSED_FORM)
        if pruned is None:
            start = time.perf_counter()
            trial.report(self.held_out.otdd(point), PROXY_RUNG)
            keep_fact(trial, ProxyCost(time.perf_counter() - start))
            if not certainly and trial.should_prune():
                pruned = Pruned(PruneReason.PROXY)
        if pruned is None:
            admit(trial)
            return True
        keep_fact(trial, pruned)
        self.study.tell(trial, state=TrialState.PRUNED)
        self.progress.event(TrialPruned(trial.number, str(pruned)))
        return False


def _repeat(point: Weights, trials: Sequence[TrialRecord], beside: Sequence[Weights]) -> Pruned | None:
    """Which trial a point repeats; None if it is new."""
    for old in trials:
        if old.state == "complete" and alike(old.point, point):
            return Pruned(PruneReason.REPEATS_TRIAL, old.number)
    return Pruned(PruneReason.REPEATS_PENDING) if any(alike(other, point) for other in beside) else None
