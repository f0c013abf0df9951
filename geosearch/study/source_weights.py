"""Source weights: the training in which the weights of a study's sources descend the error that it minimizes."""

from __future__ import annotations

import time

import numpy as np

from geosearch import seeds
from geosearch.config.study_config import StudyFile
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.option_facts import facts_of
from geosearch.pretraining.hypergradient import HYPERGRADIENTS
from geosearch.pretraining.source_weighting import SourceWeighting
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import one_thread
from geosearch.search.objective import Objective
from geosearch.search.samplers.hypergradient import FoundWeights


def build_source_weights(file: StudyFile, objective: Objective, cache: Cache) -> FoundWeights:
    """The weights of the sources by hypergradient; from the cache if they were found before.

    They descend the error on the images of the objective: the shots, or the shots and pseudo-labelled images.

    Args:
        file: the study's settings.
        objective: what the search minimizes.
        cache: where the result is kept.

    Raises:
        TrainingFailedError: the loss stopped being finite.
    """
    anchors = objective.anchors
    m = len(anchors.sources)
    sources = [Mixture(anchors, Weights.single(i, m)) for i in range(m)]
    method = SourceWeighting(objective.recipe, HYPERGRADIENTS.build(file.search.hypergradient, file.search.settings))
    key = content_key(
        "source-weights",
        version=1,
        sources=[one.key for one in sources],
        recipe=objective.recipe.key,
        method=facts_of(method),
        images=objective.images.fingerprint,
        seed=file.study.seed,
    )

    def find() -> dict[str, np.ndarray]:
        start = time.perf_counter()
        with one_thread():
            seed = seeds.integer(file.study.seed, "source weights")
            found = method.train(sources, objective.images, seed, device=objective.device)
        seconds = np.array([time.perf_counter() - start])
        return {"weights": found.weights, "path": found.path, "seconds": seconds}

    kept = cache.arrays("source-weights", key, find)
    return FoundWeights(tuple(Weights.of(kept["weights"], 0.0).values), float(kept["seconds"][0]))
