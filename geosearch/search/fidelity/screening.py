"""Screening: which proposals are trained, and which are pruned by a cheap fidelity first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import optuna

from geosearch.mixture.weights import Weights
from geosearch.runtime.events import RankAgreementMeasured, TrialPruned
from geosearch.runtime.progress import Progress
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.fidelity.pruner import CLOSED_FORM_STEP, PROXY_STEP, FidelityPruner
from geosearch.search.fidelity.shares import shares_to_keep
from geosearch.search.fidelity.statistics import Fidelity, rank_agreement
from geosearch.search.samplers.base import alike
from geosearch.search.trial import ProxyCost, Pruned, PruneReason, TrialRecord, admit, keep_fact


@dataclass(frozen=True, eq=False)
class Screening:
    """Evaluates the cheap fidelities of a proposal, and prunes it if it is a repeat or one of the worse ones.

    Attributes:
        study: the Optuna study.
        proxy: the more expensive of the two cheap fidelities.
        proxy_cost_ratio: its cost in units of a short training.
        progress: listens to the run.
    """

    study: optuna.Study
    proxy: Proxy
    proxy_cost_ratio: float
    progress: Progress

    def update(self, trials: Sequence[TrialRecord], *, prune: bool) -> None:
        """Set how much each fidelity may prune from its rank agreement with the errors of the trials so far.

        Args:
            trials: that ended.
            prune: False if nothing is to be pruned.
        """
        closed_form, proxy = rank_agreement(Fidelity.CLOSED_FORM, trials), rank_agreement(Fidelity.PROXY, trials)
        self.progress.event(RankAgreementMeasured(tau=proxy.tau, may_prune=proxy.is_significant))
        evaluations = max(proxy.trials, 1)
        shares = shares_to_keep(closed_form, proxy, self.proxy_cost_ratio, evaluations) if prune else (1.0, 1.0)
        self.study.pruner = FidelityPruner(dict(zip((CLOSED_FORM_STEP, PROXY_STEP), shares, strict=True)))

    def should_train(
        self,
        trial: optuna.Trial,
        point: Weights,
        *,
        trials: Sequence[TrialRecord],
        pending: Sequence[Weights],
        always: bool,
    ) -> bool:
        """Whether a proposal is to be trained; if not, the reason is kept, and the caller ends the trial.

        Args:
            trial: the proposal.
            point: its mixture.
            trials: that ended before.
            pending: mixtures that are being evaluated, or are about to be.
            always: compute the proxy, but never prune.
        """
        pruned = None if always else _repeat(point, trials, pending)
        if pruned is None and not always and trial.should_prune():
            pruned = Pruned(PruneReason.CLOSED_FORM)
        if pruned is None:
            start = time.perf_counter()
            trial.report(self.proxy.otdd(point), PROXY_STEP)
            keep_fact(trial, ProxyCost(time.perf_counter() - start))
            if not always and trial.should_prune():
                pruned = Pruned(PruneReason.PROXY)
        if pruned is None:
            admit(trial)
            return True
        keep_fact(trial, pruned)
        self.progress.event(TrialPruned(trial.number, str(pruned)))
        return False


def _repeat(point: Weights, trials: Sequence[TrialRecord], pending: Sequence[Weights]) -> Pruned | None:
    """Which trial a mixture repeats; None if it is new."""
    for old in trials:
        if old.state == "complete" and alike(old.point, point):
            return Pruned(PruneReason.REPEATS_TRIAL, old.number)
    return Pruned(PruneReason.REPEATS_PENDING) if any(alike(other, point) for other in pending) else None
