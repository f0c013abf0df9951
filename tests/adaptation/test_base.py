"""What adaptations learn: a fit predicts unseen images, the score says so, and wrong labels score worse."""

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_training import SelfTraining
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError, TrainingFailedError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.train import pretrain

SHIFT = Augmentation(0.0, 0.0, 0.05)
UNLABELLED = UnlabelledSet.of(blobs("target", 4, 20, seed=5, shift=1))
ADAPTATIONS = [
    RidgeHead(),
    LinearProbe(steps=60, learning_rate=3e-2, augmentation=SHIFT),
    FineTuning(steps=40, augmentation=SHIFT),
    Rehearsal(steps=40, augmentation=SHIFT),
    SelfTraining(steps=40, head_steps=60, augmentation=SHIFT, unlabelled=UNLABELLED),
]


@pytest.fixture(params=ADAPTATIONS, ids=lambda a: type(a).__name__)
def adaptation(request):
    return request.param


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
    options = [RidgeHead(), RidgeHead(0.1), FineTuning(), FineTuning(steps=3), FineTuning(folds=4)]
    options += [LinearProbe(), LinearProbe(steps=3), Rehearsal(), Rehearsal(share=0.5)]
    options += [FineTuning(augmentation=Augmentation(crop=0.2))]
    options += [
        SelfTraining(),
        SelfTraining(unlabelled=UNLABELLED),
        SelfTraining(confident_fraction=1.0),
        SelfTraining(balance=0.5),
    ]
    assert len({option.key for option in options}) == len(options)
    assert FineTuning().key == FineTuning().key


def test_only_rehearsal_needs_the_mixture(mixture, recipe, shots):
    network = pretrain(mixture, recipe.scaled(0), 0)
    for adaptation in (RidgeHead(), LinearProbe(steps=1), FineTuning(steps=1)):
        adaptation.fit(network, shots, 0)
        adaptation.score(network, shots, 0)
    for call in (Rehearsal(steps=1).fit, Rehearsal(steps=1).score):
        with pytest.raises(InvalidOptionError, match="pass mixture="):
            call(network, shots, 0)


def test_one_shot_of_a_class_cannot_be_cross_validated_but_has_a_closed_form(mixture, recipe):
    network, single = pretrain(mixture, recipe, 0), blobs("target", 4, 1)
    for adaptation in (FineTuning(), LinearProbe(), Rehearsal(), SelfTraining(unlabelled=UNLABELLED)):
        with pytest.raises(DomainMismatchError, match=r'two shots.*search\.objective = "episodes"'):
            adaptation.score(network, single, 0, mixture)
    assert np.isfinite(RidgeHead().score(network, single, 0).squared_error)


def test_a_ruined_network_is_a_clear_error(mixture, recipe, shots):
    network = pretrain(mixture, recipe.scaled(0), 0)
    with torch.no_grad():
        network.body[0].weight.fill_(float("nan"))
    with pytest.raises(TrainingFailedError, match="NaN or infinite"):
        RidgeHead().score(network, shots, 0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: RidgeHead(0.0),
        lambda: FineTuning(folds=1),
        lambda: FineTuning(steps=-1),
        lambda: LinearProbe(folds=1),
        lambda: Rehearsal(share=0.0),
        lambda: Rehearsal(share=1.0),
        lambda: SelfTraining(confident_fraction=0.0),
        lambda: SelfTraining(confident_fraction=1.1),
        lambda: SelfTraining(balance=1.1),
    ],
)
def test_impossible_options_are_refused(build):
    with pytest.raises(InvalidOptionError):
        build()
