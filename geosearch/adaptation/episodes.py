"""Episodes: the error of few shots, averaged over many draws of shots among pseudo-labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.cross_validation import Score
from geosearch.adaptation.ridge import one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.networks import Network
from geosearch.nn.recipe import facts_of
from geosearch.nn.train import Stream, features
from geosearch.runtime.cache import content_key


@dataclass(frozen=True)
class Episodes:
    """Fit a ridge head on as many images of each class as the target has shots, judge it on all others; many times.

    One draw of five shots says little about a network, and the true shots are one draw. Pseudo-labels allow many;
    some of them are wrong, which costs less than the many draws gain (reports/transfer.md). The episodes are those of
    the few-shot literature (Vinyals et al. 2016), with pseudo-labels for labels; their use as a score is ours.

    Attributes:
        shots: images of each class that a head is fitted to; all but one of them where a class has no more.
        count: episodes.
        ridge: penalty, in units of the mean squared norm of the episode's centred features.
    """

    shots: int = 5
    count: int = 20
    ridge: float = 1.0

    def __post_init__(self) -> None:
        if self.shots < 1 or self.count < 1 or not self.ridge > 0:
            raise InvalidOptionError(
                f"Episodes needs shots >= 1, count >= 1 and ridge > 0, got {self.shots}, {self.count}, {self.ridge}"
            )

    @property
    def facts(self) -> dict[str, Any]:
        return facts_of(self)

    @property
    def key(self) -> str:
        return content_key("episodes", version=1, **self.facts)

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Mean errors over the episodes; equal seeds draw equal episodes, whatever the network.

        Args:
            network: whose features are judged.
            shots: n images of the target with true or pseudo-labels.
            seed: of the draws.
            mixture: not looked at.

        Raises:
            TrainingFailedError: features that are not finite.
        """
        z = features(network, shots.images).astype(np.float64)
        if not np.isfinite(z).all():
            raise TrainingFailedError("the network's features are not finite numbers; lower recipe.learning_rate")
        z -= z.mean(0)
        gram = z @ z.T  # (n, n): an episode's ridge regression in its dual needs products of images only
        y = one_hot(shots.labels, len(shots.classes))
        rng = seeds.stream(seed, "episodes")
        found = [self._episode(gram, y, shots.labels, rng) for _ in range(self.count)]
        squared, wrong = np.mean(found, axis=0)
        return Score(float(squared), float(wrong))

    def _episode(
        self, gram: np.ndarray, y: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Squared error and error rate of one draw.  gram (n, n), y (n, c)"""
        rows = _draw(labels, self.shots, rng)
        others = np.setdiff1d(np.arange(len(labels)), rows)
        inner, mean = gram[np.ix_(rows, rows)], y[rows].mean(0)
        centred = inner - inner.mean(0) - inner.mean(1)[:, None] + inner.mean()
        penalty = self.ridge * max(float(np.trace(centred)) / len(rows), 1e-12)
        dual = np.linalg.solve(centred + penalty * np.eye(len(rows)), y[rows] - mean)  # (k, c), columns sum to 0
        bias = mean - inner.mean(0) @ dual
        guess = gram[np.ix_(others, rows)] @ dual + bias
        wrong = guess.argmax(1) != labels[others]
        return float(((guess - y[others]) ** 2).sum(1).mean()), float(wrong.mean())


def _draw(labels: np.ndarray, shots: int, rng: np.random.Generator) -> np.ndarray:
    """`shots` rows of every class that occurs, but never all of a class that has others to be judged on."""
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen.append(rng.choice(rows, size=min(shots, max(len(rows) - 1, 1)), replace=False))
    return np.concatenate(chosen)
