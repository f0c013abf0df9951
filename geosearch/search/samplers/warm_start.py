"""WarmStart: a search that starts from studies of other targets over the same sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.search.samplers.surrogate import Surrogate

FEWEST = 4  # evaluations of a study below which it is ignored


@dataclass(frozen=True)
class EarlierStudy:
    """The evaluations of one earlier study, with weights in the order of the new study's sources.

    Attributes:
        study: its name.
        target: its target.
        points: its mixtures.
        errors: their validation errors, on that study's own scale.

    >>> found = [(Weights.of([0.5, 0.5]), 0.2)]
    >>> earlier = EarlierStudy.of("before", "usps", ["mnist", "svhn"], found, among=["mnist", "kmnist", "svhn"])
    >>> earlier.points[0].values
    (0.5, 0.0, 0.5)
    """

    study: str
    target: str
    points: tuple[Weights, ...]
    errors: tuple[float, ...]

    @classmethod
    def of(
        cls,
        study: str,
        target: str,
        sources: Sequence[str],
        found: Iterable[tuple[Weights, float]],
        among: Sequence[str],
    ) -> EarlierStudy:
        """From a study's evaluations; sources that only the new study has get weight 0.

        Args:
            study: its name.
            target: its target.
            sources: its sources, each one of `among`.
            found: (mixture, error) of its evaluations.
            among: the sources of the new study, in their order.
        """
        places, points, errors = [among.index(source) for source in sources], [], []
        for point, error in found:
            values = np.zeros(len(among))
            values[places] = point.array
            points.append(Weights.of(values, point.concentration, point.pairing))
            errors.append(error)
        return cls(study, target, tuple(points), tuple(errors))


@dataclass(frozen=True, eq=False)
class WarmStart:
    """Earlier studies as cheap scores of a mixture: the error that each of them predicts.

    Each is a Gaussian process on the geometry of the new target's hull. The search's surrogate learns the weight of its
    score from the evaluations of the new study.

    Attributes:
        studies: their evaluations.
        hull: of the new target.
    """

    studies: tuple[EarlierStudy, ...]
    hull: Hull

    @cached_property
    def surrogates(self) -> dict[str, Surrogate]:
        """Study -> its Gaussian process, for studies with enough evaluations; the second one of a name is NAME (2)."""
        names: Counter[str] = Counter()
        found = {}
        for one in self.studies:
            names[one.study] += 1
            name = one.study if names[one.study] == 1 else f"{one.study} ({names[one.study]})"
            if len(one.errors) >= FEWEST:
                found[name] = Surrogate.fit(*self.hull.features(one.points), np.array(one.errors))
        return found

    def task_similarity(self, points: Sequence[Weights], errors: np.ndarray) -> dict[str, float]:
        """Study -> Kendall's tau of its predictions with the errors (n,) of n mixtures; 0 if it is not defined.

        It is shown in the report; the search does without it.
        """
        features, found = self.hull.features(points), {}
        for study, surrogate in self.surrogates.items():
            tau = float(stats.kendalltau(surrogate.predict(*features)[0], errors).statistic)
            found[study] = tau if np.isfinite(tau) else 0.0
        return found

    def expect(self, points: Sequence[Weights]) -> list[np.ndarray]:
        """(k,) predicted errors of every study, in standard deviations of its own errors."""
        features = self.hull.features(points)
        return [(one.predict(*features)[0] - one.level) / one.spread for one in self.surrogates.values()]
