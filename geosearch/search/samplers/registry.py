"""Samplers by name: who proposes next. Each proposal has a seed of its own, so a resumed study never repeats one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from geosearch.runtime.registry import Choice
from geosearch.search.samplers.prior import Prior

SAMPLERS: Choice[optuna.samplers.BaseSampler] = Choice(
    "search.sampler", default="hull", meaning="Who proposes mixtures.", room="geosearch.search.samplers"
)


def build_sampler(
    name: str, seed: int, prior: Prior, settings: Mapping[str, Any] | None = None
) -> optuna.samplers.BaseSampler:
    """A fresh sampler for one proposal.

    Optuna stores trials but not the state of its samplers: a sampler that is seeded once proposes the same
    points again after a resume. Here the seed depends on the place of the proposal in the study instead, and
    the sampler learns everything else from the stored trials.

    Args:
        name: of the sampler, as in study files.
        seed: of this proposal.
        prior: what is known of any mixture before it is trained; a sampler that needs no more than the space of
            mixtures takes a parameter `space`.
        settings: keys of [search] that samplers declare.
    """
    return SAMPLERS.build(name, settings or {}, prior=prior, space=prior.space, seed=seed)
