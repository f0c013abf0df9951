"""Samplers by name; every proposal has its own seed, so a resumed study repeats none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from geosearch.runtime.registry import Choice
from geosearch.search.samplers.prior import Prior

SAMPLERS: Choice[optuna.samplers.BaseSampler] = Choice(
    "search.sampler", default="hull", meaning="What proposes mixtures.", room="geosearch.search.samplers"
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
        prior: geometry and cheap scores of the mixtures; a sampler that needs the space only has a parameter `space`.
        settings: of the sampler, as in [search].
    """
    return SAMPLERS.build(name, settings or {}, prior=prior, space=prior.space, seed=seed)
