"""The search space: weights, concentration and pairing as Optuna parameters. Sole caller of trial.suggest_*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from geosearch.geodesic.simplex import PAIRINGS, SimplexMap, Stick, Weights, concentration_of, spread_of


@dataclass(frozen=True)
class Space:
    """The hull of m sources as a cube: the coordinates of a simplex map, a spread in [0, 1], and the pairing."""

    m: int
    simplex: SimplexMap = Stick()

    @property
    def coordinates(self) -> tuple[str, ...]:
        return tuple(f"share_{i}" for i in range(self.simplex.dimensions(self.m)))

    def suggest(self, trial: optuna.Trial) -> Weights:
        """Ask the trial's sampler for every coordinate."""
        for name in self.coordinates:
            trial.suggest_float(name, 0.0, 1.0)
        trial.suggest_float("spread", 0.0, 1.0)
        trial.suggest_categorical("pairing", PAIRINGS)
        return self.weights_of(trial.params)

    def weights_of(self, params: Mapping[str, Any]) -> Weights:
        """The point of the hull that a trial's parameters stand for."""
        cube = np.array([params[name] for name in self.coordinates])
        return Weights.of(self.simplex.to_simplex(cube), concentration_of(params["spread"]), params["pairing"])

    def params_of(self, weights: Weights) -> dict[str, Any]:
        """Parameters that stand for a given point: the right inverse of `weights_of`."""
        cube = np.clip(self.simplex.from_simplex(weights.array), 0.0, 1.0)
        return {
            **dict(zip(self.coordinates, map(float, cube), strict=True)),
            "spread": spread_of(weights.concentration),
            "pairing": weights.pairing,
        }
