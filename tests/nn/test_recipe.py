"""The key of a recipe depends on everything in it, and impossible recipes are refused."""

from dataclasses import replace

import pytest

from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.early_stopping import EarlyStopping
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.schedule import Constant, OneCycle
from geosearch.nn.weight_averaging import ExponentialAverage, TailAverage
from geosearch.pretraining.episodic import EpisodicPretraining


def test_every_field_is_part_of_the_key():
    recipe = Recipe()
    others = [
        replace(recipe, network=SmallConv(9)),
        recipe.scaled(7),
        replace(recipe, batch=7),
        replace(recipe, learning_rate=0.5),
        replace(recipe, weight_decay=0.5),
        replace(recipe, label_smoothing=0.5),
        replace(recipe, augmentation=Augmentation(flip=True)),
        replace(recipe, schedule=Constant()),
        replace(recipe, schedule=OneCycle(0.3)),
        replace(recipe, augmentation=Augmentation(crop=0.2)),
        replace(recipe, augmentation=Augmentation(recolour=0.2)),
        replace(recipe, averaging=TailAverage()),
        replace(recipe, averaging=ExponentialAverage()),
        replace(recipe, averaging=TailAverage(0.5)),
        replace(recipe, early_stop=EarlyStopping()),
        replace(recipe, precision="bfloat16"),
        replace(recipe, compiled=True),
        replace(recipe, objective=EpisodicPretraining()),
    ]
    keys = {each.key for each in [recipe, *others]}
    assert len(keys) == len(others) + 1
    assert Recipe().key == recipe.key
    said = replace(others[-1], averaging=TailAverage(), early_stop=EarlyStopping(), precision="bfloat16", compiled=True)
    assert set(said.facts) - {"type"} == set(vars(recipe))


def test_fields_that_came_later_leave_the_keys_of_older_results_as_they_were():
    assert Recipe().key == "b6b584188fca5a67e2a0"
    assert Recipe(steps=7, schedule=Constant()).key == "2cb3f4e5b6757bf56aaf"
    assert Recipe(augmentation=Augmentation(flip=True)).key == "e38a6e244c692bb6f20b"
    assert not {"averaging", "early_stop", "precision", "compiled"} & set(Recipe().facts)


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": -1},
        {"batch": 1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"label_smoothing": 1.0},
        {"precision": "float16"},
    ],
)
def test_impossible_recipes_are_refused(fields):
    with pytest.raises(InvalidOptionError, match="recipe needs"):
        Recipe(**fields)
