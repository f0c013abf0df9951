"""Controls: each row is trained on what it says, and is the same for equal arguments."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from generators.studies import tiny, tiny_file

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.adaptation.predictors import EnsemblePredictor, NetworkPredictor
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Tuner
from geosearch.config.read import parse_study
from geosearch.confirmation import controls
from geosearch.confirmation.candidates import CommitteeTaught, JointStream, Setup, Start, joint_training
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS
from geosearch.confirmation.controls import CONTROLS, ControlInputs, control_rows
from geosearch.confirmation.row import RowKind
from geosearch.confirmation.row_request import request_rows
from geosearch.errors import InvalidOptionError
from geosearch.mixture.retrieval import retrieve
from geosearch.mixture.weights import Weights
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import as_tensor
from geosearch.nn.train import pretrain
from geosearch.pretraining.simclr import SimCLR
from geosearch.pseudo_labels import ensemble
from geosearch.study import prepare
from geosearch.study.build_confirmation import build_control_inputs
from geosearch.study.study import Study

RECIPE = Recipe(steps=4, batch=16)
ERRORS = {Weights.single(0, 2): 0.4, Weights.single(1, 2): 0.5, Weights.uniform(2): 0.1}


@pytest.fixture(scope="module")
def study(tmp_path_factory, shared_cache):
    folder = tmp_path_factory.mktemp("controls")
    return Study.open(
        tiny_file(folder, domain_pseudo_labels="ensemble"), storage=f"sqlite:///{folder}/study.db", cache=shared_cache
    )


@pytest.fixture(scope="module")
def inputs(study) -> ControlInputs:
    return build_control_inputs(study.file, study.prepared, study.cache, ERRORS)


@pytest.fixture
def setup(inputs) -> Setup:
    return Setup(inputs.target.shots, RECIPE)


def rows(inputs: ControlInputs, *names: str):
    return {row.name: row.candidate for row in control_rows(names, inputs)}


def test_every_control_has_a_key_of_its_own_and_trains_to_the_same_weights_again(inputs, setup):
    made = rows(inputs, *CONTROLS.names())
    several = [
        one.key for row, one in made.items() if "single" not in row or "networks" in row
    ]  # one source may win all
    assert len(set(several)) == len(several)
    assert {row: one.key for row, one in rows(inputs, *CONTROLS.names()).items()} == {r: o.key for r, o in made.items()}
    for one in made.values():
        first, again, other = (one.start(setup, seed).network for seed in (3, 3, 4))
        for a, b in zip(first.parameters(), again.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
        assert first.fingerprint == again.fingerprint != other.fingerprint


def test_every_control_predicts_classes_of_the_target_under_every_adaptation(inputs, setup):
    for one in rows(inputs, *CONTROLS.names()).values():
        start = one.start(setup, 0)
        for adaptation in (RidgeHead(), FineTuning(steps=2), inputs.self_training):
            scores = one.adapt(start, adaptation, setup, 0).predict(inputs.target.test_images)
            assert scores.shape == (len(inputs.target.test_images), len(inputs.target.classes))
            assert one.networks(adaptation) >= 1
            assert one.unlabelled_images(adaptation) >= 0


def test_the_committee_teaches_with_the_mean_of_its_labels(inputs, setup, monkeypatch):
    """Those of the networks that label the reference of the study, which are not trained again."""
    (one,) = rows(inputs, "committee").values()
    assert one.committee is inputs.target.labeller.networks
    teachers = []
    train_student = SelfTraining.train_student
    monkeypatch.setattr(
        SelfTraining, "train_student", lambda self, *args: teachers.append(args[0]) or train_student(self, *args)
    )
    student = one.start(setup, 0)
    (teacher,) = teachers
    assert isinstance(teacher, EnsemblePredictor)
    assert [member.network for member in teacher.predictors] == list(one.committee)
    alone = CommitteeTaught(one.mixture, one.committee[:1], one.training).start(setup, 0)
    assert student.network.fingerprint != alone.network.fingerprint
    assert one.networks(RidgeHead()) == len(one.committee) + 1
    assert one.unlabelled_images(RidgeHead()) == len(inputs.self_training.unlabelled)


def test_a_study_whose_reference_no_committee_labels_trains_one(tmp_path, cache):
    file = tiny_file(tmp_path, domain_pseudo_labels="nearest", confirm_controls=["committee"])
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    inputs = build_control_inputs(file, study.prepared, cache, {})
    (one,) = rows(inputs, "committee").values()
    assert len(one.committee) == 4


def test_the_single_source_is_that_of_the_smallest_validation_error(inputs, setup):
    asked = rows(inputs, "single-source", "single-source-teachers")
    alone, taught = asked.values()
    assert next(iter(asked)) == "single by the objective: near"
    assert alone.mixture.weights == taught.mixture.weights == Weights.single(0, 2)
    assert [one.weights for one in taught.others] == [Weights.single(0, 2)] * (TEACHERS - 1)
    assert taught.networks(inputs.self_training) == TEACHERS
    assert alone.networks(inputs.self_training) == 1
    best_unlabelled = len(inputs.self_training.unlabelled)  # the held-out ones are among them
    assert alone.unlabelled_images(inputs.self_training) == best_unlabelled


def test_in_folds_the_names_of_rows_do_not_depend_on_the_labels(inputs):
    """Folds may choose other sources; the source becomes the row's label."""
    here = replace(inputs, in_folds=True)
    other = replace(here, errors={Weights.single(0, 2): 0.5, Weights.single(1, 2): 0.4})
    asked = ("single-source", "single-source-teachers", "transferability")
    one, two = (control_rows(asked, each) for each in (here, other))
    assert [row.name for row in one] == [row.name for row in two]
    labels = {row.name: row.label for row in one}
    taught = f"single by the objective, {TEACHERS} networks"  # the plain one is a baseline of the folds
    assert set(labels) == {taught, "single by OTDD", "single by LogME"}
    assert set(labels.values()) <= {"near", "far"}
    assert {row.name for row in two if row.label != labels[row.name]} == {taught}


def test_without_a_single_source_in_the_search_there_is_no_such_row(study):
    without = build_control_inputs(study.file, study.prepared, study.cache, {Weights.uniform(2): 0.1})
    assert not rows(without, "single-source", "single-source-teachers")


def test_the_rows_of_controls_stand_behind_the_baselines(inputs):
    pooled = {"pooled union": Weights.pooled([160, 200])}
    ask = partial(request_rows, inputs.anchors, inputs.target, Weights.uniform(2), pooled, singles={})
    made = ask(controls=control_rows(["single-source"], inputs))
    assert [one.kind for one in made[3:]] == [RowKind.CONTROL]
    assert len(ask()) == 3


def test_without_a_search_the_best_mixture_owes_nothing_to_the_held_out_images(inputs):
    ask = partial(request_rows, inputs.anchors, inputs.target, Weights.uniform(2), {}, singles={})
    counts = [ask(is_searched=searched)[0].candidate.unlabelled_images(RidgeHead()) for searched in (False, True)]
    assert counts == [len(inputs.target.reference), len(inputs.target.reference) + len(inputs.target.held_out)]


def test_teachers_of_one_source_need_self_training(tmp_path):
    with pytest.raises(InvalidOptionError, match="'single-source-teachers' needs"):
        tiny_file(tmp_path, confirm_controls=["single-source-teachers"])


def test_a_study_confirms_its_controls(tmp_path, cache):
    file = tiny_file(tmp_path, confirm_controls=["committee", "single-source"])
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    kinds = {row.name: row.kind for row in study.run().rows}
    assert kinds["committee-taught pooled union"] == RowKind.CONTROL
    assert np.isfinite([row.mean("ridge") for row in study.confirmation.rows]).all()


def test_joint_batches_are_half_shots_under_columns_of_their_own(inputs):
    pooled, shots = inputs.pooled, inputs.target.shots
    stream = JointStream(pooled, shots)
    images, labels = next(stream.batches(10, np.random.default_rng(0)))
    assert images.shape == (10, 1, 12, 12)
    assert labels.shape == (10, pooled.class_count + len(shots.classes)) == (10, stream.class_count)
    assert not labels[:5, pooled.class_count :].any()
    assert not labels[5:, : pooled.class_count].any()
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-6)
    known = {image.tobytes(): label for image, label in zip(as_tensor(shots.images).numpy(), shots.labels, strict=True)}
    assert [known[image.tobytes()] for image in images[5:]] == labels[5:, pooled.class_count :].argmax(1).tolist()


def test_the_last_columns_of_the_joint_head_predict(inputs, setup, monkeypatch):
    whole = []
    monkeypatch.setattr(joint_training, "pretrain", lambda *a, **k: whole.append(pretrain(*a, **k)) or whole[-1])
    (one,) = rows(inputs, "joint-training").values()
    network, images = one.start(setup, 0).network, torch.rand(3, 1, 12, 12)
    torch.testing.assert_close(network(images), whole[0](images)[:, -len(inputs.target.classes) :])
    predicted = one.adapt(Start(network), FineTuning(), setup, 0).predict(inputs.target.test_images)
    np.testing.assert_array_equal(predicted, NetworkPredictor(network).predict(inputs.target.test_images))


def test_fixmatch_starts_from_the_pooled_union_with_the_unlabelled_images(inputs, setup):
    (one,) = rows(inputs, "fixmatch").values()
    assert one.mixture.key == inputs.pooled.key
    assert one.training.unlabelled.fingerprint == inputs.unlabelled.fingerprint
    by_hand = one.training.fit(pretrain(one.mixture, RECIPE, 5), setup.shots, 5)
    found = one.adapt(one.start(setup, 5), FineTuning(), setup, 5)
    np.testing.assert_array_equal(*(each.predict(inputs.target.test_images) for each in (by_hand, found)))
    assert one.unlabelled_images(RidgeHead()) == len(inputs.unlabelled)


def test_simclr_has_no_sources(inputs, setup):
    (one,) = rows(inputs, "simclr").values()
    network = SimCLR(RECIPE).train(inputs.unlabelled, 2)
    assert one.start(setup, 2).network.fingerprint == network.fingerprint
    assert one.unlabelled_images(RidgeHead()) == len(inputs.unlabelled)


def test_otdd_and_logme_choose_a_source_each_in_one_row_if_they_agree(inputs, monkeypatch):
    sources, shots = inputs.anchors.sources, inputs.target.shots
    nearest = min(range(2), key=lambda i: sources[i].otdd_to_target)
    networks = inputs.source_networks()
    known = {id(network): i for i, network in networks.items()}
    asked = replace(inputs, source_networks=lambda: networks)
    seen = []

    def chosen(liked: int) -> list[str]:
        monkeypatch.setattr(controls, "features", lambda network, images: seen.append(images) or known[id(network)])
        monkeypatch.setattr(controls, "logme", lambda i, labels: float(i == liked))
        return list(rows(asked, "transferability"))

    assert chosen(nearest) == [f"single by OTDD and LogME: {sources[nearest].name}"]
    other = 1 - nearest
    assert chosen(other) == [f"single by OTDD: {sources[nearest].name}", f"single by LogME: {sources[other].name}"]
    assert all(images is shots.images for images in seen)


def test_a_committee_lends_its_networks_of_single_sources(study, inputs, monkeypatch):
    monkeypatch.setattr(ensemble, "pretrain", None)  # all are in the cache
    networks = inputs.source_networks()
    assert set(networks) == {0, 1}
    assert networks[0].fingerprint != networks[1].fingerprint


def test_without_a_committee_the_nearest_sources_get_networks(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(prepare, "MOST_NETWORKS", 1)
    file = tiny_file(tmp_path, domain_pseudo_labels="nearest")
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    sources = study.prepared.anchors.sources
    nearest = min(range(2), key=lambda i: sources[i].otdd_to_target)
    assert set(prepare.build_source_networks(file, study.prepared, cache)) == {nearest}


def test_few_shots_are_tuned_with_as_many_trainings_as_the_search_has(study, inputs, setup, monkeypatch):
    asked = []
    tune = Tuner.tune
    monkeypatch.setattr(
        Tuner, "tune", lambda self, *args, **kw: asked.append(self.trainings) or tune(self, *args, **kw)
    )
    (one,) = rows(inputs, "few-shots").values()
    assert asked == [study.file.search.evaluations]
    network = fresh_network(setup.shots, RECIPE, 4)
    by_hand = one.training.fit(network, setup.shots, 4)
    found = one.adapt(one.start(setup, 4), FineTuning(), setup, 4)
    np.testing.assert_array_equal(*(each.predict(inputs.target.test_images) for each in (by_hand, found)))
    assert one.unlabelled_images(FineTuning()) == 0
    assert one.unlabelled_images(inputs.self_training) == len(inputs.unlabelled)


def test_retrieval_trains_on_the_source_images_nearest_to_the_unlabelled_ones(inputs, setup):
    (one,) = rows(inputs, "retrieval").values()
    pool = retrieve(inputs.anchors, inputs.unlabelled.images)
    assert one.pool.key == pool.key
    assert one.start(setup, 1).network.fingerprint == pretrain(pool, RECIPE, 1).fingerprint
    assert one.unlabelled_images(RidgeHead()) == len(inputs.unlabelled)


def test_controls_keep_to_the_limits_of_the_study(tmp_path, cache):
    raw = tiny(tmp_path)
    raw["limits"] = {"caps": {raw["domain"]["sources"][1]: 0.2}}
    file = parse_study(raw)
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    limited = build_control_inputs(file, study.prepared, cache, ERRORS)
    assert limited.allowed() == (0,)
    assert limited.pooled.weights.values[1] <= 0.2 + 1e-9
    made = rows(limited, *CONTROLS.names())
    assert "committee-taught pooled union, within limits" in made
    assert "single by OTDD and LogME: near" in made
    assert "nearest source images" not in made
    mixed = [one.mixture.weights for one in made.values() if hasattr(one, "mixture")]
    assert all(weights.values[1] <= 0.2 + 1e-9 for weights in mixed)
