"""Variants of the best mixture: each trains on what it says, and is the same for equal arguments."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.studies import tiny_file

from geosearch.evaluate.condensation import Condensation
from geosearch.evaluate.recipe import Recipe
from geosearch.geodesic.mixture import Mixture
from geosearch.geodesic.simplex import Weights
from geosearch.pipeline import Study
from geosearch.search.variants import NAMES, Condensed, MetaReweighted, variant

RECIPE = Recipe(steps=4, batch=16)
WEIGHTS = Weights.of([1.0, 0.0])


@pytest.fixture
def prepared(tmp_path, cache):
    return Study.open(tiny_file(tmp_path), storage=f"sqlite:///{tmp_path}/study.db", cache=cache).prepared


def test_every_variant_has_a_key_of_its_own_and_trains_to_the_same_weights_again(prepared):
    made = [variant(name, prepared.anchors, WEIGHTS, prepared.target.shots) for name in NAMES]
    assert len({one.key for one in made}) == len(NAMES)
    for one in made:
        first, again = (one.pretrained(RECIPE, 3, device="cpu")[0] for _ in range(2))
        for a, b in zip(first.parameters(), again.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_reweighted_rows_are_images_of_the_mixtures_sources_under_target_classes(prepared):
    one = MetaReweighted(prepared.anchors, WEIGHTS, prepared.target.shots, size=50)
    rows, known = one.rows(0), {image.tobytes() for image in prepared.anchors.sources[0].images}
    assert all(image.tobytes() in known for image in rows.images)
    assert rows.classes == prepared.target.shots.classes
    reference = prepared.anchors.reference.labels
    places = {image.tobytes(): i % len(reference) for i, image in enumerate(prepared.anchors.sources[0].images)}
    assert np.mean([reference[places[image.tobytes()]] for image in rows.images] == rows.labels) > 0.9


def test_a_condensed_mixture_is_as_small_as_it_says(prepared):
    mixture = Mixture(prepared.anchors, WEIGHTS)
    _, learned = Condensed(mixture, Condensation(per_class=2, steps=3), size=200).pretrained(RECIPE, 0, device="cpu")
    assert len(learned) <= 2 * mixture.class_count
    assert learned.class_count == mixture.class_count
