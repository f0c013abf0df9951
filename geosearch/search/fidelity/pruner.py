"""RungPruner: a value is compared with values of the same rung only, and only while the rung is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from geosearch.search.trial import Proposal, Pruned, fact_of

CLOSED_RUNG = -1  # closed form, squared feature units: known with the proposal; Optuna has no step below 0
PROXY_RUNG = 0  # held-out OTDD, squared feature units


@dataclass(frozen=True)
class RungPruner(optuna.pruners.BasePruner):
    """Stop a trial whose last value lies in the worse part of its own rung.

    Optuna's MedianPruner would be of no use here: it compares a trial's best value so far, whatever the
    rung, so a distance would be weighed against an error.

    Attributes:
        keep: rung -> the share of its values that goes on; a rung that is not named stops nothing.
        warmup: fewest values in a rung before anything is stopped.
    """

    keep: Mapping[int, float] = field(default_factory=dict)
    warmup: int = 8

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        rung = CLOSED_RUNG if trial.last_step is None else trial.last_step
        value, share = _value(trial, rung), self.keep.get(rung, 1.0)
        if value is None or share >= 1:
            return False
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        others = [other for other in ended if other.number != trial.number]
        values = [_value(other, rung) for other in others if not _is_repeat(other)]
        known = [other for other in values if other is not None]
        return len(known) >= self.warmup and bool(value > np.quantile(known, share))


def _value(trial: FrozenTrial, rung: int) -> float | None:
    """What a rung said of a trial, if it was asked."""
    if rung == CLOSED_RUNG:
        proposal = fact_of(trial, Proposal)
        return None if proposal is None else proposal.closed_form
    return trial.intermediate_values.get(rung)


def _is_repeat(trial: FrozenTrial) -> bool:
    pruned = fact_of(trial, Pruned)
    return pruned is not None and pruned.reason.is_repeat
