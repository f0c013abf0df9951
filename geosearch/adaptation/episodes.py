"""Episodes: few-shot error, averaged over many draws of shots from pseudo-labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Score
from geosearch.adaptation.ridge import finite_features, one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import facts_of
from geosearch.nn.streams import Stream
from geosearch.runtime.cache import content_key


@dataclass(frozen=True)
class Episodes:
    """Fit a ridge head to a few images of each class, validate it on all others, and average over many draws.

    The true shots are a single draw, whose error has a large variance; pseudo-labels allow many draws. Some
    pseudo-labels are wrong, which costs less than the draws gain (reports/transfer/objective.md).

    Source: the episodes of few-shot learning (Vinyals et al. 2016). Pseudo-labels in place of labels, and the use as
    an objective, are our choice.

    Attributes:
        shots: images of each class that a head is fitted to, one number for all classes or one for each; fewer where a
            class has too few, so that at least one image is left to validate on. A class with a single image is fitted
            to in every episode, and not validated on.
        count: number of episodes.
        ridge: penalty, in units of the mean squared norm of the episode's centred features.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> score = Episodes(shots=5, count=20).score(network, digits.take(range(200)), seed=0)
        >>> 0 <= score.top1_error <= 1
        True
    """

    shots: int | tuple[int, ...] = 5
    count: int = 20
    ridge: float = 1.0

    def __post_init__(self) -> None:
        least = self.shots if isinstance(self.shots, int) else min(self.shots)
        if least < 1 or self.count < 1 or not self.ridge > 0:
            raise InvalidOptionError(
                f"Episodes needs shots >= 1, count >= 1 and ridge > 0, got {self.shots}, {self.count}, {self.ridge}"
            )

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent."""
        return facts_of(self)

    @property
    def key(self) -> str:
        """Content key of all options; equal options give equal keys."""
        return content_key("episodes", version=1, **self.facts)

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Mean error over the episodes; equal seeds draw equal episodes for every network.

        Args:
            network: the network whose features are scored.
            shots: n images of the target with true labels or pseudo-labels.
            seed: seed of the draws.
            mixture: has no effect.

        Raises:
            TrainingFailedError: the features are NaN or infinite.
        """
        z = finite_features(network, shots.images)
        z -= z.mean(0)
        gram = z @ z.T  # (n, n): the dual form of ridge regression needs inner products only
        y = one_hot(shots.labels, len(shots.classes))
        rng = seeds.stream(seed, "episodes")
        errors = [self._episode(gram, y, shots.labels, rng) for _ in range(self.count)]
        squared, wrong = np.mean(errors, axis=0)
        return Score(float(squared), float(wrong), tuple(one for one, _ in errors))

    def _episode(
        self, gram: np.ndarray, y: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Squared error and top-1 error of one draw.  gram (n, n), y (n, c), labels (n,)"""
        rows = _draw_shots(labels, self.shots, rng)
        others = np.setdiff1d(np.arange(len(labels)), rows)
        inner, mean = gram[np.ix_(rows, rows)], y[rows].mean(0)
        centred = inner - inner.mean(0) - inner.mean(1)[:, None] + inner.mean()
        penalty = self.ridge * max(float(np.trace(centred)) / len(rows), 1e-12)
        dual = np.linalg.solve(centred + penalty * np.eye(len(rows)), y[rows] - mean)  # (k, c), columns sum to 0
        bias = mean - inner.mean(0) @ dual
        prediction = gram[np.ix_(others, rows)] @ dual + bias
        wrong = prediction.argmax(1) != labels[others]
        return float(((prediction - y[others]) ** 2).sum(1).mean()), float(wrong.mean())


def _draw_shots(labels: np.ndarray, shots: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Up to `shots` rows of every class that occurs, leaving at least one row of a class with several."""
    drawn = []
    for label in np.unique(labels):
        rows, wanted = np.flatnonzero(labels == label), shots if isinstance(shots, int) else shots[label]
        drawn.append(rng.choice(rows, size=min(wanted, max(len(rows) - 1, 1)), replace=False))
    return np.concatenate(drawn)
