"""Keys of study files that may be written in more than one way, and what a key may not go with."""

from __future__ import annotations

import numpy as np
import pytest
from generators.studies import tiny, tiny_file

from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.adaptation.loss import LogitAdjustment
from geosearch.adaptation.prototypes import PrototypeHead
from geosearch.adaptation.robust_prototypes import MedianPrototypes
from geosearch.config.build import build_adaptation, build_adaptations, build_copying, build_recipe
from geosearch.config.read import parse_study
from geosearch.data.loaders.registry import load
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.learned_augmentation import LearnedAugmentation
from geosearch.nn.policy_augmentation import PolicyAugmentation
from geosearch.pretraining.episodic import EpisodicPretraining
from geosearch.pretraining.inner import SVMInner


def test_a_number_of_test_images_may_still_be_called_test(tmp_path):
    study = tiny(tmp_path)
    del study["domain"]["test_size"]
    file = parse_study({**study, "domain": {**study["domain"], "test": 40}})
    assert (file.domain.test_size, file.domain.test) == (40, None)
    assert file == tiny_file(tmp_path)


def test_a_loss_is_built_for_the_adaptations_that_have_one(tmp_path):
    file = parse_study(tiny(tmp_path, recipe_loss="logit-adjusted", recipe_logit_adjustment=0.5))
    assert {how.loss for how in build_adaptations(file).values()} == {LogitAdjustment(0.5)}
    assert {how.loss for how in build_adaptations(parse_study(tiny(tmp_path))).values()} == {None}
    with pytest.raises(InvalidOptionError, match="has no effect on recipe"):
        parse_study(tiny(tmp_path, recipe_loss="balanced", recipe_adaptation="self-train"))
    with pytest.raises(InvalidOptionError, match="logit_adjustment': needs loss"):
        parse_study(tiny(tmp_path, recipe_logit_adjustment=0.5))


def test_every_adaptation_by_gradient_descent_trains_in_the_precision_of_the_study(tmp_path):
    unlabelled = UnlabelledSet.of(load("digits"))
    for precision in ("float32", "bfloat16"):
        file = parse_study(tiny(tmp_path, recipe_precision=precision))
        made = [build_adaptation(name, file, unlabelled) for name in ADAPTATIONS.names()]
        by_descent = [how for how in made if isinstance(how, GradientAdaptation)]
        assert len(by_descent) > 5
        assert {how.precision for how in by_descent} == {precision}


def test_robust_prototypes_need_prototypes(tmp_path):
    asked = {"recipe_robust": "median", "recipe_adaptation": "prototypes"}
    assert build_adaptations(parse_study(tiny(tmp_path, **asked)))["prototypes"] == PrototypeHead(MedianPrototypes())
    with pytest.raises(InvalidOptionError, match="makes prototypes; set"):
        parse_study(tiny(tmp_path, recipe_robust="median"))


def test_the_radius_is_the_default_s_unless_it_is_set(tmp_path):
    asked = {"recipe_adaptation": "regularized"}
    assert build_adaptations(parse_study(tiny(tmp_path, **asked)))["regularized"].radius == 0.3
    assert build_adaptations(parse_study(tiny(tmp_path, **asked, recipe_radius=0.0)))["regularized"].radius == 0


def test_an_augmentation_is_built_for_pretraining_and_adaptations_with_colors_and_mirroring_of_the_study(tmp_path):
    asked = {"recipe_augmentation": "trivial", "recipe_flip": True, "recipe_recolour": 0.5}
    file, plain = parse_study(tiny(tmp_path, **asked)), parse_study(tiny(tmp_path))
    made = PolicyAugmentation("trivial", flip=True, recolour=0.5)
    assert build_recipe(file).augmentation == made == build_adaptations(file)["fine-tune"].augmentation
    assert file.fingerprint["recipe.augmentation"] == "trivial"
    assert "recipe.augmentation" not in plain.fingerprint
    learned = {"recipe_augmentation": "learned"}
    assert build_recipe(parse_study(tiny(tmp_path, **learned))).augmentation == LearnedAugmentation()
    harder = parse_study(tiny(tmp_path, **learned, recipe_augmentation_penalty=0.5))
    assert build_recipe(harder).augmentation == LearnedAugmentation(0.5)
    with pytest.raises(InvalidOptionError, match="leave one of them out"):
        parse_study(tiny(tmp_path, recipe_augmentation="learned", recipe_objective="episodic"))
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1), dtype=np.uint8)
    flipped = parse_study(tiny(tmp_path, recipe_flip=True))
    assert np.array_equal(build_copying(file)(images, 0), build_copying(flipped)(images, 0))  # copies have fixed ranges


def test_episodes_are_built_with_their_head(tmp_path):
    asked = {"recipe_objective": "episodic", "recipe_inner": "svm", "recipe_ways": 3}
    assert build_recipe(parse_study(tiny(tmp_path, **asked))).objective == EpisodicPretraining(SVMInner(), ways=3)
    assert build_recipe(parse_study(tiny(tmp_path, recipe_objective="episodic"))).objective == EpisodicPretraining()
    assert build_recipe(parse_study(tiny(tmp_path))).objective is None
    with pytest.raises(InvalidOptionError, match="is the head of episodes; set"):
        parse_study(tiny(tmp_path, recipe_inner="svm"))
    with pytest.raises(InvalidOptionError, match="is the head of episodes; set"):
        parse_study(tiny(tmp_path, recipe_inner="svm", recipe_objective="rotated-classes"))
