"""Space: weights, concentration, pairing and magnitudes as Optuna parameters. Sole caller of trial.suggest_*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import optuna

from geosearch.mixture.constraints import Limits
from geosearch.mixture.stick_breaking import StickBreaking
from geosearch.mixture.weights import PAIRINGS, Weights, from_unit_concentration, to_unit_concentration
from geosearch.nn.augmentation import Augmentation
from geosearch.search.magnitudes import Magnitudes

LAST_PARAMETER = "pairing"  # in the order in which `Space.suggest` asks for them


@dataclass(frozen=True)
class Space:
    """The mixtures of m sources as Optuna parameters: stick-breaking coordinates, unit concentration, and pairing.

    With limits, parameters encode the nearest allowed mixture, so that every proposal satisfies them.

    Attributes:
        m: number of sources.
        simplex: from the cube to the weights and back.
        limits: which mixtures are allowed; None if all are.
        prices: of an image of each source, (m,); None if they do not matter.
        magnitudes: of the augmentation, searched as well; None if they are not.

    >>> space = Space(3)
    >>> space.params_of(Weights.of([0.5, 0.25, 0.25], concentration=2.0))
    {'left_0': 0.25, 'left_1': 0.5, 'unit_concentration': 0.5, 'pairing': 'transport'}
    >>> space.weights_of({"left_0": 0.25, "left_1": 0.5, "unit_concentration": 0.5, "pairing": "transport"})
    Weights(values=(0.5, 0.25, 0.25), concentration=2.0, pairing='transport')
    """

    m: int
    simplex: StickBreaking = StickBreaking()
    limits: Limits | None = None
    prices: tuple[float, ...] | None = None
    magnitudes: Magnitudes | None = None

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the m - 1 stick-breaking coordinates."""
        return tuple(f"left_{i}" for i in range(self.simplex.dimensions(self.m)))

    def suggest(self, trial: optuna.Trial) -> Weights:
        """Ask the trial's sampler for every coordinate."""
        for name in self.coordinates:
            trial.suggest_float(name, 0.0, 1.0)
        trial.suggest_float("unit_concentration", 0.0, 1.0)
        for name, high in self.magnitudes.highest.items() if self.magnitudes else ():
            trial.suggest_float(name, 0.0, high)
        trial.suggest_categorical(LAST_PARAMETER, PAIRINGS)
        return self.weights_of(trial.params)

    def weights_of(self, params: Mapping[str, Any]) -> Weights:
        """The mixture that a trial's parameters encode."""
        return _weights(
            self, tuple(params[name] for name in self.coordinates), params["unit_concentration"], params["pairing"]
        )

    def augmentation_of(self, params: Mapping[str, Any]) -> Augmentation | None:
        """The augmentation that a trial's parameters encode; None for that of the study."""
        return self.magnitudes.augmentation_of(params) if self.magnitudes else None

    def allowed(self, values: np.ndarray) -> np.ndarray:
        """The nearest weights that satisfy the limits: (..., m) -> (..., m)."""
        return values if self.limits is None else self.limits.nearest(values)

    def price(self, weights: Weights) -> float:
        """Price of an image of the mixture: the weighted mean of its sources' prices; 0 without prices."""
        return 0.0 if self.prices is None else float(weights.array @ np.array(self.prices))

    def nearest(self, weights: Weights) -> Weights:
        """The nearest allowed mixture; the mixture itself if it is allowed."""
        if self.limits is None or self.limits.allows(weights):
            return weights
        return Weights.of(self.allowed(weights.array), weights.concentration, weights.pairing)

    def baseline_params(self, weights: Weights) -> dict[str, Any]:
        """All parameters of a baseline: a mixture, and the augmentation of the study."""
        return {**self.params_of(weights), **(self.magnitudes.params if self.magnitudes else {})}

    def params_of(self, weights: Weights) -> dict[str, Any]:
        """The parameters that encode a mixture: the right inverse of `weights_of`; none of the magnitudes."""
        cube = np.clip(self.simplex.from_simplex(weights.array), 0.0, 1.0)
        return {
            **dict(zip(self.coordinates, map(float, cube), strict=True)),
            "unit_concentration": to_unit_concentration(weights.concentration),
            "pairing": weights.pairing,
        }


@lru_cache(maxsize=4096)
def _weights(space: Space, cube: tuple[float, ...], unit_concentration: float, pairing: str) -> Weights:
    """Cached: every proposal decodes all earlier trials of the study."""
    values = space.simplex.to_simplex(np.array(cube))
    weights = Weights.of(values, from_unit_concentration(unit_concentration), pairing)
    if space.limits is None or space.limits.allows(weights):
        return weights
    return Weights.of(space.allowed(values), from_unit_concentration(unit_concentration), pairing)
