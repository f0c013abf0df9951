"""Hull: closed-form distances of all mixtures to the target, and the projection of the target on their hull."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from geosearch.mixture.anchors import Anchors
from geosearch.mixture.weights import Weights


@dataclass(frozen=True, eq=False)
class Hull:
    """Distances between the target and mixtures along the transport maps, from a Gram matrix.

    Attributes:
        gram: (m, m) G_ij = E<z - T_i z, z - T_j z>, squared feature units.
        gram_random: (m, m) the same for images paired at random (Mixup).

    Example:
        >>> import numpy as np
        >>> from geosearch import Hull, Weights
        >>> hull = Hull(gram=np.diag([1.0, 3.0]), gram_random=np.eye(2))
        >>> hull.projection().values
        (0.75, 0.25)
        >>> hull.distance(Weights.of([0.5, 0.5]))
        1.0
    """

    gram: np.ndarray
    gram_random: np.ndarray

    @classmethod
    def of(cls, anchors: Anchors) -> Hull:
        """The hull of some anchors. Source: Fan & Alvarez-Melis 2023, Prop. 1-2.

        A source with several maps (replicas) counts as their mixture: off the diagonal with the mean map, on it
        with the mean cost, so G is positive semidefinite.
        """
        z = anchors.z.astype(np.float64)  # (n, d)
        gaps, costs, means, powers = [], [], [], []
        for source in anchors.sources:
            images = source.z.astype(np.float64).reshape(-1, *z.shape)  # (r, n, d)
            gaps.append(z - images.mean(axis=0))
            costs.append(np.square(z - images).sum(axis=2).mean())
            means.append(images.mean(axis=(0, 1)))
            powers.append(np.square(images).sum(axis=2).mean())
        flat = np.stack(gaps).reshape(len(gaps), -1)
        gram = flat @ flat.T / len(z)  # (m, nd) @ (nd, m)
        np.fill_diagonal(gram, costs)
        centre, mu = z.mean(axis=0), np.stack(means)
        cross = mu @ centre  # (m,)
        power = np.square(z).sum(axis=1).mean()
        gram_random = power - cross[:, None] - cross[None, :] + mu @ mu.T
        np.fill_diagonal(gram_random, power - 2 * cross + np.array(powers))
        return cls(gram, gram_random)

    def distances(self, weights: np.ndarray, concentration: float = math.inf, pairing: str = "transport") -> np.ndarray:
        """Closed-form distance of many mixtures to the target: (k, m) -> (k,), squared feature units.

        a'Ga at concentration inf (Prop. 2). For weights drawn from Dirichlet(k a), whose second moments are
        E w_i w_j = (k a_i a_j + [i = j] a_i) / (k + 1), it is (k a'Ga + sum_i a_i G_ii) / (k + 1). It is not
        debiased, as the proxy is: its minimum would be no better (reports/transport.md).
        """
        gram = self.gram if pairing == "transport" else self.gram_random
        return _expected(gram, weights, concentration)

    def distance(self, weights: Weights) -> float:
        """Closed-form distance of one mixture to the target, squared feature units."""
        return float(self.distances_of([weights])[0])

    def distances_of(self, mixtures: Sequence[Weights]) -> np.ndarray:
        """As `distances`, of mixtures with concentrations and pairings of their own: (k,)."""
        a = np.array([one.values for one in mixtures]).reshape(-1, len(self.gram))  # (k, m)
        concentrations = np.array([one.concentration for one in mixtures])
        at_random = np.array([one.pairing == "random" for one in mixtures], dtype=bool)
        found = np.empty(len(mixtures))
        for rows, gram in ((~at_random, self.gram), (at_random, self.gram_random)):
            found[rows] = _expected(gram, a[rows], concentrations[rows])
        return found

    def coordinates(self, weights: Sequence[Weights]) -> np.ndarray:
        """Points (k, m + 2) whose Euclidean distances are distances between mixtures.

        With G = L'L the first m are La: |La - Lb|^2 = (a - b)'G(a - b) is W_{2,Q}^2 of two points on geodesics. At
        concentration c, images have the variance (sum_i a_i G_ii - a'Ga) / (c + 1) around that point; its square
        root is the next coordinate. The rest of sum_i a_i G_ii - a'Ga is mixed within images; for random pairing,
        its square root is the last coordinate, otherwise 0. Both vanish at single sources, where concentration and
        pairing have no effect.
        """
        values, vectors = np.linalg.eigh(self.gram)
        root = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T  # (m, m)
        a = np.array([one.values for one in weights]).reshape(-1, len(self.gram))  # (k, m)
        concentration = np.array([one.concentration for one in weights])
        at_random = np.array([one.pairing == "random" for one in weights])
        apart = np.maximum(a @ np.diag(self.gram) - np.einsum("ki,ki->k", a @ self.gram, a), 0)
        share = 1 / (concentration + 1)  # 0 at a geodesic point, 1 in the pooled union
        return np.column_stack([a @ root.T, np.sqrt(apart * share), np.sqrt(apart * (1 - share)) * at_random])

    def features(self, weights: Sequence[Weights]) -> tuple[np.ndarray, np.ndarray]:
        """Inputs of a regression on mixtures: coordinates (k, m + 2) and closed-form distances (k, 1)."""
        return self.coordinates(weights), self.distances_of(weights)[:, None]

    def projection(self) -> Weights:
        """The projection of the target on the hull: argmin a'Ga over the simplex, with exact zeros.

        With G = B'B the minimiser is b / sum(b), b = argmin |Bb|^2 + (sum(b) - 1)^2 over b >= 0: along each ray
        ta the least value is q / (1 + q) with q = a'Ga, which grows with q. So the quadratic programme is one
        non-negative least-squares problem (Lawson & Hanson 1974), solved exactly.
        """
        values, vectors = np.linalg.eigh(self.gram / max(np.trace(self.gram), 1e-300))
        root = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T  # (m, m)
        m = len(self.gram)
        solution, _ = nnls(np.vstack([root, np.ones((1, m))]), np.append(np.zeros(m), 1.0))
        return Weights.of(solution / solution.sum())


def _expected(gram: np.ndarray, weights: np.ndarray, concentration: float | np.ndarray) -> np.ndarray:
    """E w'Gw (k,) of weights w around those of mixtures (k, m), at one concentration or (k,)."""
    quadratic = np.einsum("ki,ki->k", weights @ gram, weights)
    share = 1 / (concentration + 1)  # 0 at inf
    return np.asarray((1 - share) * quadratic + share * (weights @ np.diag(gram)))
