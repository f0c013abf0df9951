"""From settings to option objects: limits by name, and how the reference is labelled."""

from __future__ import annotations

import pytest
from generators.studies import tiny, tiny_file

from geosearch.config.build import (
    build_adaptations,
    build_embedding,
    build_labelling,
    build_limits,
    build_refinement,
    build_target_labelling,
)
from geosearch.config.read import parse_study
from geosearch.confirmation.row import BEST, NO_PRETRAINING
from geosearch.errors import InvalidOptionError
from geosearch.mixture.baselines import SEARCHED
from geosearch.pseudo_labels.clusters import Clusters
from geosearch.pseudo_labels.g2l import G2L
from geosearch.pseudo_labels.head import HeadLabelling
from geosearch.pseudo_labels.label_spreading import LabelSpreading
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.study.study import Study


def test_limits_are_written_by_the_sources_names(tmp_path, monkeypatch):
    monkeypatch.setenv("SETS", str(tmp_path))
    study = tiny(tmp_path)
    near, far = study["domain"]["sources"]
    study["limits"] = {
        "floors": {"npz:${SETS}/near.npz": 0.1},
        "caps": {far: 0.6},
        "groups": [{"sources": [near, "npz:${SETS}/far.npz"], "cap": 1.0}],
        "most": 2,
    }
    limits = build_limits(parse_study(study))
    assert limits.floors == (0.1, 0.0)
    assert limits.caps == (1.0, 0.6)
    assert limits.groups == (((0, 1), 1.0),)
    assert limits.most == 2


def test_without_limits_there_are_none(tmp_path):
    assert build_limits(tiny_file(tmp_path)) is None


def test_limits_on_an_unknown_source_are_refused(tmp_path):
    study = {**tiny(tmp_path), "limits": {"caps": {"npz:elsewhere.npz": 0.5}}}
    with pytest.raises(InvalidOptionError, match=r"limits names \['npz:elsewhere.npz'\]"):
        parse_study(study)


def test_limits_that_nothing_keeps_are_refused_before_a_database_is_made(tmp_path):
    study = tiny(tmp_path)
    study["limits"] = {"caps": dict.fromkeys(study["domain"]["sources"], 0.2)}
    with pytest.raises(InvalidOptionError, match="no mixture satisfies the limits"):
        Study.open(parse_study(study), storage=f"sqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


WAYS = ("nearest", "spreading", "head", "refined", "ensemble")


def test_ways_of_labelling_the_reference(tmp_path):
    ways = {way: tiny_file(tmp_path, domain_pseudo_labels=way) for way in WAYS}
    assert [type(build_target_labelling(file)) for file in ways.values()] == [
        NearestShot,
        LabelSpreading,
        HeadLabelling,
        NearestShot,
        NearestShot,
    ]
    assert build_refinement(ways["nearest"]) is build_refinement(ways["head"]) is None
    assert build_refinement(ways["refined"]).recipe.steps == ways["refined"].recipe.steps
    assert build_refinement(ways["ensemble"]).recipe.steps == ways["ensemble"].recipe.long_steps
    assert build_refinement(ways["ensemble"]).members > build_refinement(ways["refined"]).members == 1
    assert build_refinement(tiny_file(tmp_path, domain_pseudo_labels="ensemble", recipe_device="auto")).device == "auto"


def test_a_shot_that_cannot_be_left_out_is_refused_at_the_door(tmp_path):
    with pytest.raises(InvalidOptionError, match=r"domain\.shots = 1; raise it, or set search\.objective"):
        tiny_file(tmp_path, domain_shots=1, search_objective="shots")
    assert tiny_file(tmp_path, domain_shots=1).search.objective == "episodes"


def test_ways_of_labelling_a_source_that_has_no_labels(tmp_path):
    assert build_labelling(tiny_file(tmp_path)) is None
    file = tiny_file(tmp_path, domain_pseudo_labeller="g2l")
    assert build_labelling(file) == G2L(10, embedding=build_embedding(file))
    file = tiny_file(tmp_path, domain_pseudo_labeller="clusters", domain_label_count=7)
    assert build_labelling(file) == Clusters(7, embedding=build_embedding(file))


@pytest.mark.parametrize("way", WAYS)
def test_a_study_runs_with_every_way_of_labelling_and_keeps_to_its_limits(tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    study = tiny(tmp_path, domain_pseudo_labels=way, search_evaluations=8, confirm_seeds=1)
    study["limits"] = {"caps": dict.fromkeys(study["domain"]["sources"], 0.7)}
    opened = Study.open(parse_study(study), storage=f"sqlite:///{tmp_path / 'limited.db'}")
    opened.run()
    assert all(trial.weights[0] <= 0.7 + 1e-8 for trial in opened.trials)
    roles = {trial.role for trial in opened.trials if trial.role != SEARCHED}
    assert any(role.endswith("within limits") for role in roles)
    assert {row.name for row in opened.confirmation.rows} == {*roles, BEST, NO_PRETRAINING}


def test_self_training_has_the_references_images_and_as_many_more_as_asked(tmp_path):
    for asked, images, steps in ((0, 40, 30), (50, 50, 60)):
        settings = {"recipe_unlabelled": asked, "recipe_adaptation": "self-train", "domain_balance": 0.25}
        file = tiny_file(tmp_path, domain_pseudo_labels="ensemble", **settings)
        study = Study.open(file, storage=f"sqlite:///{tmp_path}/{asked}.db")
        unlabelled = study.prepared.unlabelled(asked)
        how = build_adaptations(study.file, unlabelled)["self-train"]
        assert (len(how.unlabelled), how.balance) == (images, 0.25)
        assert how.steps == steps * study.file.recipe.settings["fine_tune_steps"] // 20
        assert build_refinement(study.file).balance == 0.25
