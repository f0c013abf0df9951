"""Objectives of pretraining, and the solvers of the heads inside episodes."""

from __future__ import annotations

from typing import Protocol

import torch

from geosearch.nn.recipe import Objective
from geosearch.runtime.registry import Choice

OBJECTIVES: Choice[Objective] = Choice(
    "recipe.objective",
    default=None,
    meaning="What pretraining minimizes; the cross-entropy with the mixture's labels (supervised) if left out.",
    room="geosearch.pretraining",
)


class Inner(Protocol):
    """Solves a linear head on the support of an episode, so that gradients flow through the solution."""

    def dual(self, gram: torch.Tensor, targets: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """Coefficients (n, c) of the support images; a query with inner products k (n,) scores k @ coefficients.

        Args:
            gram: inner products (n, n) of the support features, centred and scaled to a mean squared norm of 1.
            targets: labels (n, c), rows that sum to 1.
            strength: positive scalar that is learned with the network: penalty, or step.
        """
        ...


INNERS: Choice[Inner] = Choice(
    "recipe.inner",
    default=None,
    meaning='What fits the head of an episode (recipe.objective = "episodic"); "ridge" if left out.',
    room="geosearch.pretraining",
)
