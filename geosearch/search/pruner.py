"""RungPruner: a value is compared with values of the same rung only, and only while the rung is trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import optuna

PROXY_RUNG = 0  # held-out OTDD, squared feature units
SHORT_RUNG = 1  # validation error after the short recipe


@dataclass(frozen=True)
class RungPruner(optuna.pruners.BasePruner):
    """Stop a trial whose last reported value lies in the worse part of its own rung.

    Optuna's MedianPruner would be of no use here: it compares a trial's best value so far, whatever the
    rung, so a distance would be weighed against an error.

    Attributes:
        keep: the share of a rung's values that goes on.
        warmup: fewest values in a rung before anything is stopped.
    """

    keep: float = 0.5
    warmup: int = 8

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        step = trial.last_step
        if step is None:
            return False
        rung = [
            other.intermediate_values[step]
            for other in study.get_trials(deepcopy=False, states=(_COMPLETE, _PRUNED))
            if step in other.intermediate_values and other.number != trial.number
        ]
        return len(rung) >= self.warmup and bool(trial.intermediate_values[step] > np.quantile(rung, self.keep))


_COMPLETE, _PRUNED = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
