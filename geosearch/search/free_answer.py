"""FreeAnswer: the mixture that a study names before it trains anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from geosearch.mixture.baselines import CLOUD, CLOUD_CONCENTRATION, constrain
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.search.space import Space
from geosearch.search.trial_record import NO_TRIAL, TrialRecord


@dataclass(frozen=True)
class FreeAnswer:
    """The cloud around the projection of the target on the hull of the sources; it needs no training and no search.

    Attributes:
        values: (m,) weights.
        role: "hull projection, cloud", or its name within limits.
        closed_form: closed-form distance to the target, squared feature units.
        proxy: held-out OTDD, squared feature units.

    >>> FreeAnswer((0.7, 0.3), CLOUD, closed_form=3.1, proxy=2.9).sentence(["mnist", "svhn"])
    "the projection's cloud, mnist 0.70, svhn 0.30 (closed form 3.1, held-out OTDD 2.9)"
    """

    values: tuple[float, ...]
    role: str
    closed_form: float
    proxy: float

    @classmethod
    def of(cls, cloud: Weights, space: Space, hull: Hull, otdd: Callable[[Weights], float]) -> FreeAnswer:
        """The nearest mixture to `cloud` that the limits allow."""
        ((role, weights),) = constrain(space.nearest, {CLOUD: cloud}).items()
        return cls(weights.values, role, hull.distance(weights), otdd(weights))

    @property
    def trial(self) -> TrialRecord:
        """The mixture in the place of the best trial, where no search is made."""
        point = Weights.of(self.values, concentration=CLOUD_CONCENTRATION)
        return TrialRecord(
            number=NO_TRIAL,
            state="untrained",
            role=self.role,
            weights=point.values,
            concentration=point.concentration,
            pairing=point.pairing,
            closed_form=self.closed_form,
            proxy=self.proxy,
            error=None,
            top1_error=None,
            long_error=None,
            wall_seconds=0.0,
        )

    def sentence(self, names: Sequence[str]) -> str:
        """Its weights and distances in words; weights of 0.5 % and less are left out.

        Args:
            names: (m,) of the sources.
        """
        shares = ", ".join(
            f"{name} {share:.2f}" for name, share in zip(names, self.values, strict=True) if share > 0.005
        )
        return f"the projection's cloud, {shares} (closed form {self.closed_form:.3g}, held-out OTDD {self.proxy:.3g})"
