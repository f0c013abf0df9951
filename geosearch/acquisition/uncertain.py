"""Uncertain: images that a head on the labelled ones is unsure of, far from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.acquisition.base import ACQUISITIONS, LabelState
from geosearch.adaptation.ridge import leave_one_out, one_hot, ridge_fit


@ACQUISITIONS.register("uncertain", "images that a ridge head is unsure of, spread out (BADGE, Ash et al. 2020)")
@dataclass(frozen=True)
class Uncertain:
    """Draw images whose labels would change a ridge head most, each in another direction.

    An image stands for the gradient that its likeliest label would give the head, (F(x) - e) z with scores F, the
    one-hot vector e of the largest score and features z. It is long where the head is unsure. k-means++ on the
    gradients draws images that are uncertain and unlike each other.

    Source: Ash et al. 2020 (BADGE), algorithm 1, with the squared error of a ridge head in place of the cross-entropy.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> state = LabelState(rng.normal(size=(20, 3)), rng.normal(size=(4, 3)), np.array([0, 0, 1, 1]), class_count=2)
        >>> len(set(Uncertain().choose(state, 5, seed=0)))
        5
    """

    def choose(self, state: LabelState, count: int, *, seed: int) -> np.ndarray:
        """Rows (count,) of the unlabelled images: the longest gradient, then draws by k-means++.

        Without labels of two classes there is no head, and images count as equally uncertain.
        """
        residuals, points = self._gradients(state)
        squares = (residuals**2).sum(1) * (points**2).sum(1)  # |r z^T|^2 = |r|^2 |z|^2, (n,)
        draw = seeds.stream(seed, "acquisition", "uncertain")
        chosen = [int(squares.argmax())]
        apart = np.full(len(points), np.inf)
        while len(chosen) < count:
            last = chosen[-1]
            products = (residuals @ residuals[last]) * (points @ points[last])  # (n,)
            apart = np.minimum(apart, np.maximum(squares + squares[last] - 2 * products, 0))
            apart[chosen] = 0
            rest = apart if apart.sum() > 0 else ~np.isin(np.arange(len(points)), chosen)
            chosen.append(int(draw.choice(len(points), p=rest / rest.sum())))
        return np.array(chosen, np.int64)

    def _gradients(self, state: LabelState) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (n, c) and features with a constant (n, d + 1), whose outer products are the gradients."""
        centre = np.concatenate([state.labelled, state.unlabelled]).mean(0, dtype=np.float64)
        unlabelled, labelled = state.unlabelled - centre, state.labelled - centre
        norm = float(np.sqrt((unlabelled**2).sum(1).mean())) or 1.0
        points = np.column_stack([unlabelled / norm, np.ones(len(unlabelled))])
        if len(np.unique(state.labels)) < 2:
            return np.ones((len(points), 1)), points
        targets = one_hot(state.labels, state.class_count)
        head = ridge_fit(labelled / norm, targets, leave_one_out(labelled / norm, targets).ridge)
        scores = head.predict(unlabelled / norm)
        return scores - one_hot(scores.argmax(1), state.class_count), points
