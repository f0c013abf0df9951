"""FidelityPruner: compares a trial's value with values of the same fidelity only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from geosearch.search.trial import Proposal, Pruned, fact_of

CLOSED_FORM_STEP = -1  # known with the proposal, kept in its attributes: Optuna has no step below 0
PROXY_STEP = 1  # of the intermediate value that is the proxy; 0 holds what it was before it was debiased


@dataclass(frozen=True)
class FidelityPruner(optuna.pruners.BasePruner):
    """Prunes a trial whose last value lies in the worse part of the values of its own fidelity.

    Optuna's MedianPruner compares a trial's best value so far across steps; here the steps are different quantities
    (two distances and an error), so that would compare a distance with an error.

    Attributes:
        keep: step -> the share of its values that is not pruned; a step that is missing prunes nothing.
        warmup: fewest values of a fidelity before anything is pruned.

    >>> study = optuna.create_study(pruner=FidelityPruner({PROXY_STEP: 0.5}, warmup=2))
    >>> for value in (1.0, 2.0, 3.0):
    ...     trial = study.ask()
    ...     trial.report(value, PROXY_STEP)
    ...     study.tell(trial, 0.1)  # doctest: +ELLIPSIS
    FrozenTrial(...)
    FrozenTrial(...)
    FrozenTrial(...)
    >>> trial = study.ask()
    >>> trial.report(2.5, PROXY_STEP)
    >>> trial.should_prune()
    True
    """

    keep: Mapping[int, float] = field(default_factory=dict)
    warmup: int = 8

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        step = CLOSED_FORM_STEP if trial.last_step is None else trial.last_step
        value, share = _value(trial, step), self.keep.get(step, 1.0)
        if value is None or share >= 1:
            return False
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        others = [_value(other, step) for other in ended if other.number != trial.number and not _is_repeat(other)]
        known = [other for other in others if other is not None]
        return len(known) >= self.warmup and bool(value > np.quantile(known, share))


def _value(trial: FrozenTrial, step: int) -> float | None:
    if step == CLOSED_FORM_STEP:
        proposal = fact_of(trial, Proposal)
        return None if proposal is None else proposal.closed_form
    return trial.intermediate_values.get(step)


def _is_repeat(trial: FrozenTrial) -> bool:
    pruned = fact_of(trial, Pruned)
    return pruned is not None and pruned.reason.is_repeat
