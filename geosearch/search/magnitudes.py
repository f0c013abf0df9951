"""Magnitudes: the ranges of an augmentation as further dimensions of the search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from geosearch.nn.augmentation import Augmentation, strengthen

HALF_TURN = 180.0  # degrees, the largest rotation


@dataclass(frozen=True)
class Magnitudes:
    """Rotation, strength of the other ranges and, where the study has it, change of colors, as Optuna parameters.

    Attributes:
        base: the augmentation of the study, which baselines are trained with.

    >>> magnitudes = Magnitudes(Augmentation(rotate=10, scale=0.1))
    >>> magnitudes.augmentation_of({"rotation": 0.5, "strength": 2.0})
    Augmentation(rotate=22.5, scale=0.2, translate=0.2, flip=False, crop=0.0, recolour=0.0)
    >>> magnitudes.augmentation_of(magnitudes.params) is None
    True
    """

    base: Augmentation

    @property
    def highest(self) -> dict[str, float]:
        """Parameter -> its largest value; the least is 0.

        `rotation` is the cube root of the largest rotation's share of half a turn, so that small ones are tried too.
        `strength` is a factor on the ranges of scale, translate and crop.
        """
        return {"rotation": 1.0, "strength": 2.0, **({"recolour": 1.0} if self.base.recolour else {})}

    @property
    def params(self) -> dict[str, float]:
        """The parameters that encode the base."""
        known = {"rotation": (self.base.rotate / HALF_TURN) ** (1 / 3), "strength": 1.0, "recolour": self.base.recolour}
        return {name: min(known[name], high) for name, high in self.highest.items()}

    def augmentation_of(self, params: Mapping[str, Any]) -> Augmentation | None:
        """The augmentation that parameters encode; None for the base."""
        own = {name: params[name] for name in self.highest}
        if own == self.params:
            return None
        stronger = strengthen(self.base, own["strength"])
        assert isinstance(stronger, Augmentation)
        return replace(
            stronger, rotate=HALF_TURN * own["rotation"] ** 3, recolour=own.get("recolour", self.base.recolour)
        )
