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
from geosearch.search.fidelity.pruner import CLOSED_RUNG, PROXY_RUNG, REPEATS, RungPruner
from geosearch.search.fidelity.statistics import CLOSED, PROXY, rank_agreement
from geosearch.search.samplers.base import alike
from geosearch.search.trial import TrialRecord


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
        reason = "" if certainly else _repeated(point, trials, beside)
        if not (reason or certainly) and trial.should_prune():
            reason = f"{CLOSED} in the worse part of its rung"
        if not reason:
            start = time.perf_counter()
            trial.report(self.held_out.otdd(point), PROXY_RUNG)
            trial.set_user_attr("proxy_seconds", time.perf_counter() - start)
            if not certainly and trial.should_prune():
                reason = f"{PROXY} in the worse part of its rung"
        if not reason:
            trial.set_user_attr("admitted", True)  # should it be cut off, it need not be judged again
            return True
        trial.set_user_attr("reason", reason)
        self.study.tell(trial, state=TrialState.PRUNED)
        self.progress.event(TrialPruned(trial.number, reason))
        return False


def _repeated(point: Weights, trials: Sequence[TrialRecord], beside: Sequence[Weights]) -> str:
    """Which trial a point repeats, in words; empty if it is new."""
    for old in trials:
        if old.state == "complete" and alike(old.point, point):
            return f"{REPEATS} {old.number}"
    return f"{REPEATS} of its own round" if any(alike(other, point) for other in beside) else ""
