"""95 % intervals of mean errors: over trainings alone, and over trainings and test images together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from geosearch import seeds

CROSS_FITTED = 1.25  # factor on the interval of errors in folds; see `cross_fitted_half_width`

RESAMPLES = 2000


def t_half_width(values: Sequence[float] | np.ndarray, level: float = 0.95) -> float:
    """Half the width of the t interval of a mean; nan for a single value."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float("nan")
    return float(stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def bootstrap_half_width(values: np.ndarray, *, pseudo: tuple[float, float] | None = None) -> float:
    """Half the width of the 95 % percentile interval of a mean over trainings and images.

    Trainings and images are drawn with replacement, independently of each other. On simulated errors of 5 trainings and
    20 to 2,000 images, 94 to 99 % of such intervals of a difference held the true one.

    Source: Owen 2007, "The pigeonhole bootstrap"; the two images more: Agresti & Min 2005 for a difference of two
    paired proportions, Agresti & Coull 1998 for one.

    Args:
        values: (k, n), of k trainings and n images: 1 where the class is wrong, or differences of two such arrays.
        pseudo: values of two images more, for few images, all of which may agree by chance: (0, 1) of an error,
            (-1, 1) of a difference. With them a single training has an interval too, over the images alone.

    Returns:
        The half width; nan for a single training without `pseudo`, since its noise is not known.

    >>> wrong = np.array([[0, 1, 0, 0], [0, 1, 1, 0]])
    >>> bootstrap_half_width(wrong - wrong)
    0.0
    """
    if pseudo is not None:
        values = np.hstack([values, np.broadcast_to(pseudo, (len(values), 2))])
    trainings, images = values.shape
    if trainings < 2 and pseudo is None:
        return float("nan")
    rng = seeds.stream(0, "bootstrap over trainings and images")
    by_training = rng.multinomial(trainings, np.full(trainings, 1 / trainings), RESAMPLES)  # (B, k)
    sums = np.concatenate(
        [
            np.einsum("bn,bn->b", rows @ values, rng.multinomial(images, np.full(images, 1 / images), len(rows)))
            for rows in np.array_split(by_training, 20)  # few megabytes at a time
        ]
    )
    low, high = np.percentile(sums / values.size, [2.5, 97.5])
    return float(high - low) / 2


def cross_fitted_half_width(values: np.ndarray, pseudo: tuple[float, float]) -> float:
    """Half the width of the 95 % interval of a mean over labels that were judged in folds.

    Folds share most of what they are fitted to, and another division gives other errors; a bootstrap over the labels
    sees neither, and nothing that one division shows estimates it without bias. So the interval is widened by a factor.
    On mnist, usps and kmnist differences of errors strayed about 1.3 times as far as the bootstrap says, on four other
    targets 1.2 times (reports/small-labels.md).

    Source: Bengio & Grandvalet 2004, "No unbiased estimator of the variance of K-fold cross-validation"; Nadeau &
    Bengio 2003, whose factor is 1.5 for five folds.

    Args:
        values: (k, n), of k divisions and n labels: 1 where the class is wrong, or differences of two such arrays.
        pseudo: as in `bootstrap_half_width`.

    >>> wrong = np.array([[0, 1, 0, 0, 1, 0]])
    >>> cross_fitted_half_width(wrong, (0, 1)) / bootstrap_half_width(wrong, pseudo=(0, 1))
    1.25
    """
    return CROSS_FITTED * bootstrap_half_width(values, pseudo=pseudo)
