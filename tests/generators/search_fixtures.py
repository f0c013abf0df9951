"""A search over three sources whose evaluations are a known function: what is tested is the search, not training."""

from __future__ import annotations

import numpy as np
import pytest
from generators.searches import FakeObjective, FakeProxy

from geosearch.mixture.baselines import baseline_weights, constrain
from geosearch.mixture.hull import Hull
from geosearch.runtime.progress import Log
from geosearch.search.loop import Search
from geosearch.search.options import SearchOptions
from geosearch.search.samplers.hypergradient import FoundWeights
from geosearch.search.space import Space
from geosearch.search.study_store import StudyStore


@pytest.fixture(scope="session")
def hull():
    return Hull(np.diag([1.0, 2.0, 3.0]) + 1.0, np.eye(3) * 2 + 1.0)


@pytest.fixture(scope="session")
def search_in(hull):
    """A factory: a search in a file, with any objective and proxy; *.db is SQLite, others a journal (quicker)."""

    def make(path, objective=None, proxy=None, limits=None, magnitudes=None, **options):
        url = f"sqlite:///{path}" if path.suffix == ".db" else f"journal:{path}"
        store = StudyStore.open(url, "toy", {"study.seed": 0}, Space(3, limits=limits, magnitudes=magnitudes))
        roles = constrain(store.space.nearest, baseline_weights(["a", "b", "c"], [100, 200, 300], hull))
        chosen = SearchOptions(**{"evaluations": 14, "sampler": "tpe", "long_steps": 50, **options})
        return Search(
            store,
            objective or FakeObjective(),
            hull,
            proxy or FakeProxy(),
            roles,
            chosen,
            Log(),
            source_weights=lambda: FoundWeights((0.5, 0.4, 0.1), seconds=1.0),
        )

    return make
