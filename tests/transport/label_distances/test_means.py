"""The distance of the means: without bias."""

from __future__ import annotations

import numpy as np
from generators.clouds import normals

from geosearch.transport.label_distances.means import MeanLabels


def test_the_mean_of_few_images_has_no_bias():
    found = []
    for seed in range(100):
        one, other, _ = normals(10, seed=seed)
        found.append([labels.table([one], [other])[0, 0] for labels in (MeanLabels(debiased=False), MeanLabels())])
    gaps = [np.square(np.random.default_rng(seed).normal(size=30) * 0.5).sum() for seed in range(100)]
    plain, debiased = np.mean(found, axis=0) / np.mean(gaps) - 1
    assert plain > 0.2
    assert abs(debiased) < 0.1
