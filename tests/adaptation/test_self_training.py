"""Self-training: whom the teacher is sure of, what is learned from it, and what is not looked at."""

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.self_training import SelfTraining, top_confident
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.train import pretrain

STILL = Augmentation(0.0, 0.0, 0.0)


class Teacher:
    """Knows the labels of some images, and is sure of the first half of them."""

    def __init__(self, labels, classes=4):
        self.scores = 0.5 * np.eye(classes)[labels]
        self.scores[: len(labels) // 2] *= 1.5

    def predict(self, images):
        return self.scores[: len(images)]


class Knows:
    """Gives these scores."""

    def __init__(self, scores):
        self.scores = scores

    def predict(self, images):
        return self.scores[: len(images)]


def test_of_each_class_the_surest_share_is_believed():
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8], [0.45, 0.55]])
    assert top_confident(scores, 0.5).tolist() == [0, 2, 3]
    assert top_confident(scores, 1.0).tolist() == [0, 1, 2, 3, 4]
    assert top_confident(scores, 0.01).tolist() == [0, 3]


def test_a_student_learns_what_its_teacher_knows_whatever_the_set_says(mixture, recipe, shots, test_part):
    """One wrong shot of each class, unlabelled images with a good teacher: the student errs less than the shots."""
    unlabelled = blobs("target", 4, 30, seed=7, shift=1)
    order = np.random.default_rng(0).permutation(len(unlabelled))
    unlabelled = unlabelled.take(order)
    network = pretrain(mixture, recipe.scaled(60), 0)
    mislabelled = replace(shots, labels=np.roll(shots.labels, 1))
    how = SelfTraining(steps=80, augmentation=STILL, unlabelled=UnlabelledSet.of(unlabelled))
    student = how.train_student(Teacher(unlabelled.labels), network, mislabelled, 0)
    assert np.mean(student.predict(test_part.images).argmax(1) != test_part.labels) < 0.1


def test_a_teacher_that_neglects_a_class_is_balanced(mixture, recipe, shots, test_part):
    """Half of one class's images look a little likelier of another to the teacher: balanced, the student errs less."""
    unlabelled = blobs("target", 4, 30, seed=7, shift=1)
    scores = np.full((len(unlabelled), 4), 0.1)
    scores[np.arange(len(unlabelled)), unlabelled.labels] = 0.7
    neglected = np.flatnonzero(unlabelled.labels == 2)[::2]
    scores[neglected, 1], scores[neglected, 2] = 0.45, 0.35
    network = pretrain(mixture, recipe.scaled(60), 0)
    how = SelfTraining(steps=80, augmentation=STILL, unlabelled=UnlabelledSet.of(unlabelled), confident_fraction=1.0)
    errors = {}
    for balance in (0.0, 1.0):
        student = replace(how, balance=balance).train_student(Knows(scores), network, shots.take(np.arange(0, 0)), 0)
        errors[balance] = np.mean(student.predict(test_part.images).argmax(1) != test_part.labels)
    assert errors[1.0] < errors[0.0]


def test_the_teachers_head_has_its_own_steps_and_the_usual_number_changes_no_key(mixture, recipe, shots, test_part):
    network = pretrain(mixture, recipe.scaled(5), 0)
    usual, longer = SelfTraining(augmentation=STILL), SelfTraining(augmentation=STILL, head_steps=300)
    expected = LinearProbe(steps=300, augmentation=STILL).fit(network, shots, 0).predict(test_part.images)
    np.testing.assert_array_equal(longer.fit_teacher(network, shots, 0).predict(test_part.images), expected)
    assert "head_steps" not in usual.facts
    assert usual.key != longer.key


def test_images_of_something_else_are_refused(mixture, recipe, shots):
    network = pretrain(mixture, recipe.scaled(0), 0)
    with pytest.raises(InvalidOptionError, match="pass unlabelled="):
        SelfTraining(steps=1).fit(network, shots, 0)
    other = UnlabelledSet.of(blobs("other", 4, 4, size=9))
    with pytest.raises(DomainMismatchError, match="expected unlabelled images of the target"):
        SelfTraining(steps=1, unlabelled=other).fit(network, shots, 0)
