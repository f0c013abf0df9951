"""Regimes: a pretrained network brings defaults that suit it; a file's own keys stay."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from geosearch.config.build import build_adaptations
from geosearch.config.study_config import StudyFile


def study(**sections: Any) -> StudyFile:
    data = {"study": {"name": "s"}, "domain": {"target": "npz:a.npz", "sources": ["npz:b.npz", "npz:c.npz"]}}
    return StudyFile.model_validate({**data, **sections})


def test_usual_studies_keep_their_defaults() -> None:
    file = study()
    assert (file.regime, file.recipe.steps, file.transport.space, file.domain.size) == ("", 300, "pixels", 28)
    assert "precision" not in build_adaptations(file)["fine-tune"].facts  # content keys of stored results stay valid


def test_a_pretrained_network_brings_its_defaults_and_says_so() -> None:
    file = study(recipe={"network": "timm:resnet18", "steps": 7})
    assert (file.recipe.steps, file.recipe.long_steps, file.recipe.learning_rate) == (7, 100, 2e-3)
    assert (file.transport.space, file.transport.embedding) == ("features", "backbone")
    assert file.transport.settings["backbone"] == "timm:resnet18"
    assert file.recolour == file.recipe.rotate == 0
    assert file.mixes_features
    assert file.recipe.precision == "bfloat16"
    assert (file.domain.pseudo_labels, file.search.repeats, file.confirm.tuning) == ("head", 1, 0)
    assert file.search.finalists == 4
    assert file.confirm.controls == ("single-source", "joint-training")
    assert study(recipe={"network": "timm:resnet18", "adaptation": "fine-tune"}).confirm.tuning == 8
    other = study(recipe={"network": "timm:resnet18"}, transport={"embedding": "pixels", "space": "pixels"})
    assert other.domain.pseudo_labels == "ensemble"
    assert build_adaptations(file)["fine-tune"].facts["precision"] == "bfloat16"
    assert "timm:resnet18 is pretrained" in file.regime
    assert "trained for 7 steps in the search and 100 in the confirmation" in file.regime
    assert "\n" not in file.regime
    assert study(recipe={"network": "timm:resnet18"}).recipe.steps == 50
    assert file.recipe.settings["fine_tune_steps"] == 100  # of the published network alone
    for changes in (
        {"recipe": {"network": "timm:resnet18", "adaptation": "fine-tune"}},
        {"recipe": {"network": "timm:resnet18", "features": "trained"}},
        {"recipe": {"network": "timm:resnet18", "trainable": "all", "features": "both"}},
        {"recipe": {"network": "timm:resnet18"}, "confirm": {"controls": ["committee"]}},
    ):
        assert study(**changes).recipe.settings["fine_tune_steps"] == 200
    further = study(recipe={"network": "timm:resnet18", "trainable": 3})
    assert "its last 3 stages are trained" in further.regime
    assert (further.transport.space, further.recipe.keeps_features, further.recipe.interpolation) == (
        "features",
        True,
        (0, 1),
    )
    assert (further.recipe.steps, further.recipe.learning_rate) == (50, 3e-4)
    same = [study(recipe={"network": "timm:resnet18", "trainable": one}) for one in (1, "last")]
    assert same[0].regime == same[1].regime
    assert same[0].recipe.learning_rate == same[1].recipe.learning_rate
    whole = study(recipe={"network": "torchvision:resnet18", "trainable": "all"})
    assert (whole.transport.space, whole.recipe.flip, whole.recolour) == ("pixels", True, 0)
    assert (whole.recipe.steps, whole.recipe.learning_rate) == (150, 1e-3)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"transport": {"space": "features"}}, "set recipe.network to e.g."),
        ({"recipe": {"network": "timm:x"}, "confirm": {"controls": 3}}, "confirm.controls"),
        ({"recipe": {"network": "timm:x", "trainable": "all"}, "transport": {"space": "features"}}, "recipe.trainable"),
        ({"recipe": {"network": "timm:x", "flip": True}}, "leave recipe.flip out"),
        ({"recipe": {"network": "timm:x", "augmentation": "rand"}}, 'augmentation = "rand" needs images'),
        ({"recipe": {"network": "timm:x"}, "transport": {"map": "neural"}}, 'transport.map = "neural" needs images'),
        ({"recipe": {"network": "timm:x", "adaptation": "fixmatch"}}, "needs images"),
        ({"recipe": {"network": "timm:x", "objective": "rotated-classes"}}, "needs images"),
        ({"recipe": {"network": "timm:x"}, "confirm": {"controls": ["simclr"]}}, "needs images"),
        ({"recipe": {"network": "timm:x"}, "transport": {"embedding": "patches"}}, "needs images"),
        ({"recipe": {"views": 2}}, "recipe.views needs"),
        ({"recipe": {"network": "timm:x", "trainable": "some"}}, "trainable"),
        ({"recipe": {"network": "timm:x", "trainable": [3]}}, "trainable"),
        ({"recipe": {"network": "timm:x", "trainable": 0}}, "how many of the last stages, got 0"),
        ({"recipe": {"network": "keras:x"}}, "expected"),
    ],
)
def test_what_cannot_go_together(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        study(**sections)


def test_networks_between_pretrained_and_trained_weights_are_scored_where_there_are_some() -> None:
    domain = {"target": "digits", "sources": ["npz:a", "npz:b"]}

    def made(**recipe: object) -> StudyFile:
        return StudyFile.model_validate({"study": {"name": "x"}, "domain": domain, "recipe": recipe})

    network = "torchvision:resnet18"
    assert made().recipe.interpolation == ()
    assert made(network=network).recipe.interpolation == (0, 1)
    assert made(network=network, features="trained").recipe.interpolation == (0, 0.25, 0.5, 0.75, 1)
    assert made(network=network, trainable="head").recipe.interpolation == ()
    assert made(network=network, interpolation=[0.5]).recipe.interpolation == (0.5,)
    for wrong in ({"interpolation": [0.5]}, {"network": network, "trainable": "head", "interpolation": [0, 1]}):
        with pytest.raises(ValidationError, match="needs pretrained weights"):
            made(**wrong)
    for listed in ([1, 0], [0, 2], [0, 0]):
        with pytest.raises(ValidationError, match="from 0 to 1, ascending"):
            made(network=network, interpolation=listed)


def test_pretrained_features_are_kept_where_the_last_stage_is_trained() -> None:
    network = {"network": "torchvision:resnet18"}
    assert study(recipe=network).recipe.keeps_features
    for other in ({"trainable": "all"}, {"trainable": "head"}, {"features": "trained"}):
        assert not study(recipe={**network, **other}).recipe.keeps_features
    assert study(recipe={**network, "trainable": "all", "features": "both"}).recipe.keeps_features
    assert not study().recipe.keeps_features
    assert not study(recipe={**network, "weights": "random"}).recipe.keeps_features
    assert "recipe.features" not in study().fingerprint
    assert "recipe.features" not in study(recipe={**network, "features": "trained"}).fingerprint
    assert study(recipe=network).fingerprint["recipe.features"] == "both"
    for wrong in ({"features": "both"}, {**network, "trainable": "head", "features": "both"}):
        with pytest.raises(ValidationError, match="needs pretrained weights that are trained further"):
            study(recipe=wrong)


def test_more_stages_on_all_sources_need_heads_on_both_features() -> None:
    network = {"network": "torchvision:resnet18", "union_stages": 3}
    assert study(recipe=network).recipe.settings["union_stages"] == 3
    assert "recipe.union_stages" not in study(recipe=network).fingerprint  # no trial depends on it
    for wrong in ({"features": "trained"}, {"adaptation": "fine-tune"}, {"trainable": "all"}):
        with pytest.raises(ValidationError, match=r"needs transport\.space = .*leave recipe\.union_stages out"):
            study(recipe={**network, **wrong})
    with pytest.raises(ValidationError, match=r"union_stages = 3 is to be more than the 3 of recipe\.trainable"):
        study(recipe={**network, "trainable": 3})


def test_a_pretrained_study_leaves_labels_out_and_ends_where_no_source_pays() -> None:
    network = {"network": "torchvision:resnet18"}
    assert (study().search.objective, study().search.stop) == ("episodes", "never")
    assert (study(recipe=network).search.objective, study(recipe=network).search.stop) == ("leave-one-out", "no-gain")
    assert study(recipe={**network, "interpolation": [0.5]}).search.stop == "never"
    with pytest.raises(ValidationError, match="compares with no pretraining"):
        study(recipe={**network, "interpolation": [0.5]}, search={"stop": "no-gain"})
    with pytest.raises(ValidationError, match="compares with no pretraining"):
        study(search={"stop": "no-gain"})
    assert "search.stop" not in study().fingerprint


def test_a_pretrained_study_chooses_its_head_by_its_labels() -> None:
    network = {"network": "torchvision:resnet18"}
    assert study().recipe.adaptation == "ridge"
    assert study(recipe=network).recipe.adaptation == "auto"
    assert study(recipe={**network, "loss": "balanced"}).recipe.adaptation == "ridge"
    assert study(recipe={**network, "adaptation": "fine-tune"}).recipe.adaptation == "fine-tune"
    with pytest.raises(ValidationError, match="chooses a head for a pretrained network"):
        study(recipe={"adaptation": "auto"})
