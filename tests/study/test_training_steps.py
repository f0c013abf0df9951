"""What a study costs in steps: baselines are no large part of it, however many sources there are."""

from __future__ import annotations

import pytest

from geosearch.config.read import parse_study
from geosearch.mixture.baselines import count_confirmed
from geosearch.study.training_steps import count_confirmation_steps, count_row_steps, count_steps

FILE = parse_study(
    {
        "study": {"name": "many"},
        "domain": {"target": "digits", "sources": ["fonts/sans-digits", "fonts/serif-upper"], "shots": 5, "size": 16},
    }
)


@pytest.mark.parametrize("sources", [5, 8, 40])
def test_baselines_take_less_than_a_third_of_a_confirmation(sources):
    baselines = count_confirmed(FILE.search.evaluations, sources) * FILE.confirm.seeds * count_row_steps(FILE)
    assert baselines < count_confirmation_steps(FILE, sources) / 3


def test_forty_sources_take_no_more_steps_than_eight():
    assert count_steps(FILE, 40) <= count_steps(FILE, 8)


def test_controls_and_self_training_cost_in_folds_as_on_a_test_part():
    plain = FILE.model_copy(update={"confirm": FILE.confirm.model_copy(update={"controls": ()})})
    taught = FILE.with_adaptation("self-train")
    for crosses in (False, True):
        steps = count_steps(FILE, 4, cross_fits=crosses)
        assert count_steps(plain, 4, cross_fits=crosses) < steps < count_steps(taught, 4, cross_fits=crosses)


def test_heads_on_activations_cost_what_the_features_of_their_images_do():
    trained, both, tuned = (
        parse_study({**FILE.model_dump(include={"study", "domain"}), "recipe": {"network": "timm:resnet18", **changes}})
        for changes in ({"features": "trained"}, {}, {"adaptation": "fine-tune"})
    )
    none, some, twice = (count_row_steps(trained, 0.5, images) for images in (0, 640, 1280))
    assert none < some
    assert twice - some == pytest.approx(some - none)
    assert count_row_steps(both, 0.5, 640) - count_row_steps(both, 0.5) == pytest.approx(some - none)
    assert count_row_steps(both, 0.5) == both.recipe.long_steps  # only the published network is fine-tuned
    assert count_confirmation_steps(both, 2, 0.5) > count_confirmation_steps(both, 2, 0)
    assert count_row_steps(tuned, 0.5) > none
    assert count_row_steps(FILE, 1.0, 640) == count_row_steps(FILE)  # small networks read in no time
