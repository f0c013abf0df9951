"""The deep union: more stages of a pretrained network, trained on all sources at once, as far as the labels choose."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.studies import colored_set, encoded_file

from geosearch.adaptation.from_scratch import fresh_network
from geosearch.adaptation.ridge import RidgeHead
from geosearch.config.build import build_recipe
from geosearch.confirmation.row import NO_PRETRAINING
from geosearch.data.collection import load_collection
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.model.card import render_model_card
from geosearch.nn.train import features
from geosearch.report.page import used_sources
from geosearch.report.status import status_of, status_text
from geosearch.runtime.cache import Cache
from geosearch.runtime.result_cache import PathPoint
from geosearch.search.no_gain import NoGain
from geosearch.search.trial_record import TrialRecord
from geosearch.search.weight_path import WeightPath
from geosearch.study import pace, union_path, union_training
from geosearch.study.build_search import build_search
from geosearch.study.study import Study
from geosearch.study.take_away import choose_row
from geosearch.study.union_gain import UnionGain
from geosearch.study.union_path import UnionPath
from geosearch.study.union_training import UnionTraining

CHANGES = {
    "recipe_union_stages": 2,
    "search_evaluations": 0,
    "domain_pseudo_labels": "nearest",
}
ROW = "all sources, last 2 stages"


@pytest.fixture(scope="module", autouse=True)
def _short():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(union_training, "STEPS", 2)
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory, shared_cache):
    """A confirmed study with a deep union, without a search."""
    folder = tmp_path_factory.mktemp("union")
    found = Study.open(encoded_file(folder, **CHANGES), storage=f"sqlite:///{folder / 'union.db'}", cache=shared_cache)
    found.run()
    return found


@pytest.fixture(scope="module")
def path(study):
    return UnionPath.of(study.file, study.prepared.collection, study.cache)


@pytest.fixture(scope="module")
def union(path):
    return path.at(1.0)


def images_of(file):
    return load_collection(**file.domain.collection, seed=file.study.seed)


def opened(folder, cache, **changes):
    file = encoded_file(folder, **CHANGES | changes)
    return Study.open(file, storage=f"sqlite:///{folder / 'union.db'}", cache=cache)


def test_it_is_a_row_of_heads_on_frozen_features(study):
    row = study.confirmation.row(ROW)
    assert set(row.top1_errors) == {"ridge", "self-train-ridge"}
    assert all(len({*errors}) == 1 for errors in row.top1_errors.values()), "one network under both seeds"
    assert row.networks == {"ridge": 2, "self-train-ridge": 2}, "the mean of two trainings"
    assert "deep union" in dict(study.summary().stages)


def test_it_is_trained_on_the_images_of_the_sources_and_kept(study, tmp_path, monkeypatch):
    asked, pretrain = [], union_training.pretrain

    def note(*args, **options):
        asked.append(args)
        return pretrain(*args, **options)

    monkeypatch.setattr(union_training, "pretrain", note)
    training, cache = UnionTraining.of(study.file, study.prepared.collection), Cache(tmp_path)
    assert training.missing(cache) == 2
    network = training.train(cache)
    assert training.missing(cache) == 0
    assert training.train(cache).fingerprint == network.fingerprint
    (pool, recipe, first), (_, _, second) = asked
    assert first != second
    assert [len(source) for source in pool.sets] == [60, 60], "images, no further views"
    assert pool.image_shape == (16, 16, 3)
    assert recipe.learning_rate == 3e-4


def test_it_is_the_mean_of_its_trainings_and_one_that_was_made_is_kept(study, tmp_path, monkeypatch):
    training, cache = UnionTraining.of(study.file, study.prepared.collection), Cache(tmp_path)
    made, pretrain = [], union_training.pretrain

    def interrupted(*args, **options):
        if made:
            raise KeyboardInterrupt
        made.append(pretrain(*args, **options))
        return made[-1]

    monkeypatch.setattr(union_training, "pretrain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train(cache)
    assert training.missing(cache) == 1

    def noted(*args, **options):
        made.append(pretrain(*args, **options))
        return made[-1]

    monkeypatch.setattr(union_training, "pretrain", noted)
    mean = training.train(cache)
    assert len(made) == 2
    one, other = (dict(network.body.tail.named_parameters()) for network in made)
    for name, weight in mean.body.tail.named_parameters():
        torch.testing.assert_close(weight, (one[name] + other[name]) / 2, msg=name)


def assert_close(found, expected, share=1e-3):
    """Features that differ by no more than a share of their size."""
    np.testing.assert_allclose(found, expected, atol=share * np.abs(expected).max())


def test_its_last_stages_alone_are_trained(study, union):
    network = union.architecture.backbone.load(study.file.domain.size)
    before, stem = network.cut(2), network.encoder(2)
    after = union.network.body
    for name, weight in stem.state_dict().items():
        torch.testing.assert_close(after.stem.state_dict()[name], weight)
    moved = [not torch.equal(after.tail.state_dict()[name], weight) for name, weight in before.tail.named_parameters()]
    assert np.mean(moved) > 0.9


def test_what_it_reads_are_its_features_of_the_targets_images(study, union):
    images = images_of(study.file)
    assert_close(union.features, features(union.network, images.train.images))
    np.testing.assert_array_equal(union.codes, study.prepared.collection.train.images)


def test_it_reads_labelled_unlabelled_and_test_images(tmp_path, shared_cache):
    own = {
        "domain_target": colored_set(tmp_path / "labels.npz", 6, count=24),
        "domain_test": colored_set(tmp_path / "test.npz", 5, count=50),
        "domain_unlabelled": colored_set(tmp_path / "loose.npz", 8, count=40),
        "domain_shots": None,
        "domain_test_size": 50,
    }
    study = opened(tmp_path, shared_cache, **own)
    confirmation = study.run()
    assert confirmation.test_size == 50
    assert ROW in [row.name for row in confirmation.rows]
    union = UnionPath.of(study.file, study.prepared.collection, shared_cache).at(1.0)
    images, encoded = images_of(study.file), study.prepared.collection
    parts = [(images.train, encoded.train), (images.unlabelled, encoded.unlabelled), (images.test, encoded.test)]
    for part, codes in parts:
        rows = [next(i for i, known in enumerate(union.codes) if np.array_equal(known, one)) for one in codes.images]
        assert_close(union.features[rows], features(union.network, part.images))


def test_its_key_depends_on_the_sources_alone(study, tmp_path):
    file = study.file
    training = UnionTraining.of(file, images_of(file))
    assert UnionTraining.of(file, study.prepared.collection).keys == training.keys, "with activations for images, too"
    other = encoded_file(tmp_path, **CHANGES, domain_target=colored_set(tmp_path / "another.npz", 7))
    assert UnionTraining.of(other, images_of(other)).keys == training.keys
    assert replace(training, sources=training.sources[:1]).keys != training.keys
    assert replace(training, recipe=training.recipe.scaled(7)).keys != training.keys


def test_its_model_takes_images_and_predicts_what_was_confirmed(study, path):
    union = path.at(study.confirmation.row(ROW).interpolation)
    model, target = study.model(row=ROW, adaptation="ridge"), study.prepared.target
    recipe = build_recipe(study.file, study.prepared.network)
    head = RidgeHead().fit(union.known(target.shots, recipe), target.shots, seed=0)
    images = images_of(study.file).train.images[target.rows["test"]]
    assert (model.predict(images).labels == head.predict(target.test_images).argmax(1)).mean() >= 0.9
    assert ("lambda" in model.facts.provenance.place) == (union.interpolation < 1)
    (facts,) = model.facts.architecture
    assert (facts["trained"], facts["features"]) == (2, "both")
    assert [(one.images, one.weight) for one in model.facts.provenance.sources] == [(60, 0.5), (60, 0.5)]


def test_the_labels_judge_it_in_folds(tmp_path, shared_cache, monkeypatch):
    target, chosen, asked = colored_set(tmp_path / "few.npz", 3, count=24), [0.25, 1.0], []

    def choose(self, objective):
        asked.append(objective.images)
        return chosen[len(asked) - 1]

    monkeypatch.setattr(UnionPath, "choose", choose)
    study = opened(tmp_path, shared_cache, domain_target=target, domain_shots=None, confirm_folds=2)
    confirmation = study.run()
    assert confirmation.judged_by
    row = confirmation.row(ROW)
    assert row.interpolation is None
    assert row.path_place == "lambda 0.25 (1 of 2 folds), lambda 1 (1 of 2 folds)"
    (line,) = (line for line in status_text(study.summary()).splitlines() if line.startswith(ROW))
    assert line.endswith("varies")
    assert "the trained ones, 1; varies: from fold to fold)" in status_text(study.summary())
    first, second = ({image.tobytes() for image in images.images} for images in asked)
    assert len(first) == len(second) == 12
    assert not first & second, "without the labels that judge"
    assert study.model(row=ROW).facts.provenance.row == ROW


def test_a_study_that_does_not_ask_for_it_has_none_until_it_does(study, tmp_path, shared_cache):
    plain = opened(tmp_path, shared_cache, recipe_union_stages=0, confirm_seeds=1)
    assert ROW not in [row.name for row in plain.run().rows]
    assert UnionPath.of(plain.file, plain.prepared.collection, shared_cache) is None
    assert ROW in [row.name for row in opened(tmp_path, shared_cache, confirm_seeds=1).run().rows]


@pytest.mark.parametrize("is_answer", [True, False])
def test_the_labels_decide_whether_it_is_the_answer(is_answer, tmp_path, shared_cache, monkeypatch):
    monkeypatch.setattr(UnionGain, "is_answer", property(lambda self: is_answer))
    study = opened(tmp_path, shared_cache, search_evaluations=6, confirm_explain=True, confirm_seeds=1)
    confirmation = study.run()
    assert confirmation.answer == ROW * is_answer
    explained = study.store.record.ablation is not None
    assert explained != is_answer
    assert study.confirmation == confirmation
    choice = choose_row(confirmation)
    if is_answer:
        adaptation = confirmation.adaptation
        verdict = f"which needs no search, with {adaptation}: on the labels its squared error is"
        assert confirmation.verdict().startswith("The answer is the network whose last 2 stages were trained on all")
        assert verdict in confirmation.verdict()
        assert (choice.row, choice.adaptation) == (ROW, adaptation)
        assert choice.why.startswith("The answer is")
        assert re.search(r"\. It .* no pretraining.*; .* best mixture.*\. Pretraining on", confirmation.verdict())
        assert "the strongest other baseline, all sources" not in confirmation.verdict()
        assert status_of(study.summary())["answer"] == {"row": ROW, "adaptation": adaptation}
        assert [source.name for source in used_sources(study.facts())] == ["one", "other"]
        by_name = Study.open(str(tmp_path / "union.db"), cache=shared_cache)
        assert by_name.run() == confirmation
    else:
        assert confirmation.reasons == ()
        assert not choice.why.startswith("The answer is")


@pytest.fixture(scope="module")
def objective(study):
    return build_search(study.file, study.prepared, study.store, study.cache, study.progress).objective


def replaced(monkeypatch, union, features_at):
    """Let the network at a coefficient read these features out of the target's images."""
    monkeypatch.setattr(UnionPath, "at", lambda self, at, codes=None: replace(union, features=features_at(at)))


def test_the_gain_is_that_of_its_features_over_the_pretrained_ones(study, path, union, objective, monkeypatch):
    labels = study.prepared.collection.train.labels
    noise = 1000 * np.random.default_rng(0).normal(size=(len(labels), 9)).astype(np.float32)
    replaced(monkeypatch, union, lambda at: 100 * np.eye(3, dtype=np.float32)[labels])
    helped = UnionGain.measure(path, objective, None, labels=len(objective.images))
    told = path.at(1.0)
    replaced(monkeypatch, union, lambda at: noise)
    harmed = UnionGain.measure(path, objective, None, labels=len(objective.images))
    assert helped.gain > helped.noise > 0
    assert helped.is_answer
    assert harmed.gain < -harmed.noise < 0
    assert not harmed.is_answer
    assert objective.images is study.prepared.target.shots
    images, recipe = objective.images, objective.recipe
    networks = told.known(images, recipe), fresh_network(images, recipe, 0)
    errors = [RidgeHead().score(each, images, 0).squared_error for each in networks]
    assert helped.gain == pytest.approx(errors[1] - errors[0])


def test_the_labels_choose_how_far_it_is_taken(study, path, union, objective, monkeypatch):
    labels = study.prepared.collection.train.labels
    told = 100 * np.eye(3, dtype=np.float32)[labels]
    noise = 1000 * np.random.default_rng(0).normal(size=(len(labels), 9)).astype(np.float32)
    replaced(monkeypatch, union, lambda at: told if at <= 0.5 else noise)
    assert UnionGain.measure(path, objective, None, labels=len(objective.images)).interpolation == 0.5, (
        "the farthest within the noise"
    )
    assert path.choose(objective) == 0.5
    assert path.choose(None) == 1, "too few labels to judge"


def test_it_is_never_at_no_pretraining_which_is_another_row(path, objective, monkeypatch):
    falling = np.array([[0.1, 0.2], [0.4, 0.5], [0.6, 0.7], [0.7, 0.8], [0.8, 0.9]])
    measured = WeightPath((0.0, 0.25, 0.5, 0.75, 1.0), falling, np.zeros(5), 0.0, farther=True)
    monkeypatch.setattr(UnionPath, "measure", lambda self, objective: measured)
    assert path.choose(objective) == 0.25
    gain = UnionGain.measure(path, objective, None, labels=len(objective.images))
    assert (gain.interpolation, gain.gain) == (0.25, pytest.approx(-0.3))


def test_between_both_networks_weights_are_interpolated(path):
    start, middle, end = (path.at(coefficient) for coefficient in (0, 0.5, 1))
    states = [one.network.state_dict() for one in (start, end)]
    for name, weight in middle.network.state_dict().items():
        if weight.is_floating_point():
            torch.testing.assert_close(weight, states[0][name].lerp(states[1][name], 0.5))
    assert len({one.key for one in (start, middle, end)}) == 3
    request = path.request(0.5)
    assert (request.name, request.candidate.interpolation) == (ROW, 0.5)
    assert request.candidate.key == middle.key


def test_at_the_start_it_is_the_pretrained_network(study, path):
    published = path.architecture.backbone.load(study.file.domain.size)
    body = path.at(0.0).network.body
    for module, own in ((published.encoder(2), body.stem), (published.cut(2).tail, body.tail)):
        for name, weight in module.state_dict().items():
            torch.testing.assert_close(own.state_dict()[name], weight, rtol=0, atol=0)


def test_an_image_is_read_once_by_each_network(study, monkeypatch, tmp_path):
    path = UnionPath.of(study.file, study.prepared.collection, study.cache)
    asked, read = [], union_path.read_features
    monkeypatch.setattr(
        union_path, "read_features", lambda n, images, *a, **o: asked.append(len(images)) or read(n, images, *a, **o)
    )
    few = path.codes[5:9]
    assert_close(path.at(0.5, few).features, path.at(0.5).features[5:9])
    assert_close(path.at(0.5, few[::-1]).features, path.at(0.5).features[5:9][::-1])
    assert asked == [4, len(path.codes) - 4]


@pytest.mark.parametrize(
    "changes",
    [{"search_objective": "shots", "recipe_adaptation": "self-train-ridge"}, {"search_objective": "episodes"}],
)
def test_it_is_scored_as_mixtures_are(changes, tmp_path, shared_cache):
    study = opened(tmp_path, shared_cache, confirm_seeds=1, **changes)
    row = study.run().row(ROW)
    assert row.interpolation in (0.25, 0.5, 0.75, 1.0)
    (told,) = (one for one in status_of(study.summary())["rows"] if one["name"] == ROW)
    assert told["interpolation"] == row.interpolation


def test_row_sentence_and_model_are_at_the_coefficient_that_was_confirmed(tmp_path, shared_cache, monkeypatch):
    monkeypatch.setattr(WeightPath, "chosen", property(lambda self: 1))
    monkeypatch.setattr(UnionGain, "is_answer", property(lambda self: True))
    study = opened(tmp_path, shared_cache, confirm_seeds=1)
    confirmation = study.run()
    assert confirmation.row(ROW).path_place == "lambda 0.5"
    assert "at lambda 0.5, between the pretrained weights (0) and the trained ones (1), which" in confirmation.verdict()
    monkeypatch.setattr(UnionPath, "measure", None)  # nothing is chosen again
    again = Study.open(study.file, storage=f"sqlite:///{tmp_path / 'union.db'}", cache=shared_cache)
    model = again.model(row=ROW, adaptation="ridge")
    assert model.facts.provenance.place.startswith("lambda 0.5, between")
    card = render_model_card(model.facts, "model")
    assert "at lambda 0.5, between the pretrained weights (0) and the trained ones (1), adapted by `ridge`" in card


def test_a_mixture_that_clearly_gains_may_be_ahead(study, path, objective):
    points = (PathPoint(0.0, 0.9, 0.5, 0.0), PathPoint(1.0, 0.0, 0.0, 0.1))
    values = {"closed_form": 1.0, "proxy": None, "top1_error": 0.0, "long_error": None, "wall_seconds": 0.0}
    place = {"number": 7, "role": "searched", "weights": (1.0, 0.0), "concentration": 0.0, "pairing": "transport"}
    best = TrialRecord(**place, **values, state="complete", error=0.0, interpolation=1.0, path=points)
    found = UnionGain.measure(path, objective, best, labels=len(objective.images))
    assert found.ahead < 0
    assert not replace(found, noise=0.0).is_answer
    unclear = replace(best, path=(points[0], replace(points[1], deviation=0.6)))
    assert UnionGain.measure(path, objective, unclear, labels=len(objective.images)).ahead is None


@pytest.mark.parametrize(
    ("gain", "ahead", "is_answer"),
    [(0.2, None, True), (-0.04, None, True), (-0.06, None, False), (0.2, -0.04, True), (0.2, -0.06, False)],
)
def test_it_is_the_answer_unless_what_judges_is_clearly_against_it(gain, ahead, is_answer):
    assert UnionGain(4, gain, noise=0.05, ahead=ahead).is_answer == is_answer
    assert UnionGain(4, gain, noise=0.05, ahead=ahead, is_pseudo=True).is_answer, "pseudo-labels do not object"


def test_the_sentence_says_what_judged_and_on_which_side_of_no_pretraining_it_is():
    (less,), (more,) = (UnionGain(4, gain, noise=0.05).sentences("ridge") for gain in (0.123, -0.04))
    assert "with ridge: on the labels its squared error is 0.12 ± 0.05 below that of no pretraining." in less
    assert "0.04 ± 0.05 above" in more
    (part,) = UnionGain(4, 0.1, noise=0.05, interpolation=0.25).sentences("ridge")
    assert "on all sources, at lambda 0.25, between the pretrained weights (0) and the trained ones (1), which" in part
    (pseudo,) = UnionGain(4, 0.1, noise=0.05, is_pseudo=True).sentences("ridge", labels_judge=True)
    assert "with ridge. No label judged that: on pseudo-labelled images its squared error" in pseudo
    assert "All labels chose it" not in pseudo
    (both,) = UnionGain(4, 0.1, noise=0.05).sentences("ridge", labels_judge=True)
    assert both.endswith("All labels chose it, those that judge included.")


def test_where_no_source_pays_the_deep_union_may_still_be_the_answer(tmp_path, shared_cache, monkeypatch):
    reason = NoGain(evaluations=6, trials=4, role="pooled union", gain=0.01, noise=0.02)
    monkeypatch.setattr(NoGain, "of", classmethod(lambda cls, *args, **options: reason))
    monkeypatch.setattr(UnionGain, "is_answer", property(lambda self: True))
    study = opened(tmp_path, shared_cache, search_stop="no-gain", search_evaluations=6)
    confirmation = study.run()
    assert confirmation.no_gain == ()
    assert "No source pays" not in confirmation.verdict()
    assert "The search ended early: none of 4 mixtures" in confirmation.verdict()
    assert "No source pays" not in status_text(study.summary())
    assert any(line.startswith("adaptation: ") for line in confirmation.tuning)
    assert choose_row(confirmation).row == ROW
    monkeypatch.setattr(UnionGain, "is_answer", property(lambda self: False))
    again = Study.open(study.file, storage=f"sqlite:///{tmp_path / 'another.db'}", cache=shared_cache).run()
    assert choose_row(again).row == NO_PRETRAINING


def test_more_stages_than_the_network_has_are_refused_before_the_search(tmp_path, shared_cache):
    with pytest.raises(InvalidOptionError, match=r"recipe.union_stages = 5: ResNet has 5 stages .* take fewer"):
        opened(tmp_path, shared_cache, recipe_union_stages=5).run()


def test_a_training_that_diverges_ends_the_confirmation_which_goes_on_without_it(tmp_path, monkeypatch):
    def diverge(*args, **options):
        raise TrainingFailedError("the loss became nan at step 1 of 2 with learning rate 0.0003")

    cache = Cache(tmp_path / "cache")
    monkeypatch.setattr(union_training, "pretrain", diverge)
    with pytest.raises(TrainingFailedError, match=r"on all sources failed: the loss became nan .*union_stages to 0"):
        opened(tmp_path, cache, search_evaluations=6).run()
    assert opened(tmp_path, cache, search_evaluations=6).trials == (), "before the search"
    assert opened(tmp_path, cache, search_evaluations=6, recipe_union_stages=0).run().rows


def test_check_foretells_its_training_unless_the_cache_has_it(study, tmp_path, monkeypatch):
    images = images_of(study.file)
    without = study.file.model_copy(update={"recipe": study.file.recipe.model_copy(update={"union_stages": 0})})
    monkeypatch.setattr(pace, "measure_union", lambda file, classes, trainings: 1000.0 * trainings)
    monkeypatch.setattr(pace, "measure_encoding", lambda file: 0.001)
    monkeypatch.setenv("GEOSEARCH_CACHE", str(tmp_path))
    assert pace._union_seconds(without, images) == 0
    labels = 3 * study.file.domain.shots
    reading = 0.001 * (200 + 3 * labels)  # all of them at one coefficient, and those that judge at three more
    assert pace._union_seconds(study.file, images) == pytest.approx(2 * 1000 + reading)
    monkeypatch.setenv("GEOSEARCH_CACHE", str(study.cache.folder))
    assert pace._union_seconds(study.file, images) == pytest.approx(reading)
    search = study.file.search.model_copy(update={"objective": "episodes"})
    by_episodes = study.file.model_copy(update={"search": search})
    assert pace._union_seconds(by_episodes, images) == pytest.approx(4 * 0.2)


def test_its_time_is_measured_on_a_few_steps(study, monkeypatch):
    times = iter([0.0, 9.0, 10.0, 12.0, 20.0, 28.0])  # starts and ends: 9 with loading, 2 for one step, 8 for four
    monkeypatch.setattr(pace, "free_clock", lambda device: lambda: next(times))
    monkeypatch.setattr(pace, "pretrain", lambda *args, **options: None)
    assert pace.measure_union(study.file, 6) == pytest.approx(2 * union_training.STEPS * 2.0), "of both trainings"


def test_the_limits_of_a_study_do_not_hold_for_it(tmp_path):
    with pytest.raises(InvalidOptionError, match=r"in equal shares, whatever \[limits\] says"):
        encoded_file(tmp_path, **CHANGES, limits_most=1)
