"""Every adaptation keeps one contract: scores and fits on shots alone, repeatably, the network untouched."""

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch import seeds
from geosearch.adaptation.base import FineTune, LinearProbe, Rehearse, RidgeHead
from geosearch.adaptation.cross_validation import error_of, stratified_folds
from geosearch.adaptation.ridge import one_hot
from geosearch.adaptation.self_training import SelfTrain
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError, TrainingFailedError
from geosearch.nn.recipe import Augmentation
from geosearch.nn.train import pretrain

SHIFT = Augmentation(0.0, 0.0, 0.05)
UNLABELLED = UnlabelledSet.of(blobs("target", 4, 20, seed=5, shift=1))
ADAPTATIONS = [
    RidgeHead(),
    LinearProbe(steps=60, learning_rate=3e-2, augmentation=SHIFT),
    FineTune(steps=40, augmentation=SHIFT),
    Rehearse(steps=40, augmentation=SHIFT),
    SelfTrain(steps=40, augmentation=SHIFT, unlabelled=UNLABELLED),
]


@pytest.fixture(params=ADAPTATIONS, ids=lambda a: type(a).__name__)
def adaptation(request):
    return request.param


def test_scores_and_predictions_repeat_and_leave_the_network_as_it_was(adaptation, mixture, recipe, shots):
    network = pretrain(mixture, recipe, 0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert adaptation.score(network, shots, 0, mixture) == adaptation.score(network, shots, 0, mixture)
    first, again = (adaptation.fit(network, shots, 0, mixture).predict(shots.images) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_fit_predicts_unseen_images_and_the_score_says_so(adaptation, mixture, recipe, shots, test_part):
    network = pretrain(mixture, recipe.scaled(60), 0)
    scores = adaptation.fit(network, shots, 0, mixture).predict(test_part.images)
    assert scores.shape == (len(test_part), len(shots.classes))
    assert np.mean(scores.argmax(1) != test_part.labels) < 0.1
    assert adaptation.score(network, shots, 0, mixture).top1_error < 0.2


def test_shots_with_shuffled_labels_score_worse(adaptation, mixture, recipe, shots):
    network = pretrain(mixture, recipe.scaled(60), 0)
    shuffled = type(shots)(shots.images, np.roll(np.arange(16) % 4, 5), shots.classes, shots.name)
    worse, better = (adaptation.score(network, part, 0, mixture) for part in (shuffled, shots))
    assert worse.squared_error > better.squared_error


def test_keys_tell_adaptations_apart():
    options = [RidgeHead(), RidgeHead(0.1), FineTune(), FineTune(steps=3), FineTune(folds=4)]
    options += [LinearProbe(), LinearProbe(steps=3), Rehearse(), Rehearse(share=0.5)]
    options += [FineTune(augmentation=Augmentation(crop=0.2))]
    options += [
        SelfTrain(),
        SelfTrain(unlabelled=UNLABELLED),
        SelfTrain(confident_fraction=1.0),
        SelfTrain(balance=0.5),
    ]
    assert len({option.key for option in options}) == len(options)
    assert FineTune().key == FineTune().key


def test_keys_of_older_results_are_as_they_were():
    assert RidgeHead().key == "f19b622e1d500aefd437"
    assert FineTune().key == "633054602aac05fa8a75"


def test_only_rehearsal_needs_the_mixture(mixture, recipe, shots):
    network = pretrain(mixture, recipe.scaled(0), 0)
    for adaptation in (RidgeHead(), LinearProbe(steps=1), FineTune(steps=1)):
        adaptation.fit(network, shots, 0)
        adaptation.score(network, shots, 0)
    for call in (Rehearse(steps=1).fit, Rehearse(steps=1).score):
        with pytest.raises(InvalidOptionError, match="pass mixture="):
            call(network, shots, 0)


def test_folds_part_the_shots_and_spread_every_class():
    labels = np.repeat(np.arange(3), [5, 6, 7])
    parts = list(stratified_folds(labels, 3, seeds.stream(0, "folds")))
    assert sorted(np.concatenate([left_out for _, left_out in parts]).tolist()) == list(range(18))
    for fitted, left_out in parts:
        assert set(fitted).isdisjoint(left_out)
        assert len(fitted) + len(left_out) == 18
        assert set(labels[fitted]) == set(labels[left_out]) == {0, 1, 2}


def test_one_shot_of_a_class_cannot_be_cross_validated_but_has_a_closed_form(mixture, recipe):
    network, single = pretrain(mixture, recipe, 0), blobs("target", 4, 1)
    for adaptation in (FineTune(), LinearProbe(), Rehearse(), SelfTrain(unlabelled=UNLABELLED)):
        with pytest.raises(DomainMismatchError, match=r'two shots.*search\.objective = "episodes"'):
            adaptation.score(network, single, 0, mixture)
    assert np.isfinite(RidgeHead().score(network, single, 0).squared_error)


def test_a_ruined_network_is_a_clear_error(mixture, recipe, shots):
    network = pretrain(mixture, recipe.scaled(0), 0)
    with torch.no_grad():
        network.body[0].weight.fill_(float("nan"))
    with pytest.raises(TrainingFailedError, match="not finite"):
        RidgeHead().score(network, shots, 0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: RidgeHead(0.0),
        lambda: FineTune(folds=1),
        lambda: FineTune(steps=-1),
        lambda: LinearProbe(folds=1),
        lambda: Rehearse(share=0.0),
        lambda: Rehearse(share=1.0),
        lambda: SelfTrain(confident_fraction=0.0),
        lambda: SelfTrain(confident_fraction=1.1),
        lambda: SelfTrain(balance=1.1),
    ],
)
def test_impossible_options_are_refused(build):
    with pytest.raises(InvalidOptionError):
        build()


def test_the_error_of_a_perfect_prediction_is_nought_and_of_its_opposite_two():
    target = one_hot(np.array([0, 1, 1]), 2)
    assert error_of(target, target).squared_error == 0
    assert error_of(1 - target, target).squared_error == 2
    assert error_of(1 - target, target).top1_error == 1
