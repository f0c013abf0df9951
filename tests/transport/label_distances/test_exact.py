"""The distance of the samples: of at most so many."""

from __future__ import annotations

import numpy as np
from generators.clouds import class_features

from geosearch.transport.label_distances.exact import ExactLabels


def test_exact_takes_at_most_so_many_rows_of_a_class():
    parts = class_features((40, 40))
    thinned = [part[np.linspace(0, 39, 10).astype(int)] for part in parts]
    np.testing.assert_allclose(ExactLabels(max_per_class=10).table(parts), ExactLabels().table(thinned))
