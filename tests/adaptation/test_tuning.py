"""The tuner: the default first, never lost by ignorance; failed trainings are bad trials; the same result again."""

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation import tuning
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Space, Tuner, choose_trial, take_over
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.augmentation import NO_AUGMENTATION, Augmentation
from geosearch.nn.policy_augmentation import PolicyAugmentation
from geosearch.runtime.cache import Cache

SHORT = FineTuning(steps=3, batch=8)


@pytest.fixture
def network(shots, recipe):
    return fresh_network(shots, recipe, 0)


def tune(tuner, adaptation, network, shots, folder, **options):
    return tuner.tune(adaptation, lambda: network, shots, 0, key="start", cache=Cache(folder), **options)


def test_a_default_that_is_much_too_short_is_not_kept(network, shots, tmp_path):
    tuned = tune(Tuner(trainings=3, longest=60), replace(SHORT, steps=1), network, shots, tmp_path)
    assert tuned.adaptation.steps > 1
    assert tuned.error < tuned.default_error
    assert tuned.trainings == 3


def test_a_default_that_is_clearly_better_is_chosen(network, shots, tmp_path):
    """Here all other trainings end after a step or two."""
    tuned = tune(Tuner(trainings=3, longest=2), replace(SHORT, steps=60), network, shots, tmp_path)
    assert tuned.adaptation.steps == 60


def test_more_processes_choose_the_same_and_it_is_tuned_once(network, shots, tmp_path, monkeypatch):
    tuner = Tuner(trainings=6, longest=8)
    first = tune(tuner, SHORT, network, shots, tmp_path / "one")
    assert tune(tuner, SHORT, network, shots, tmp_path / "two", jobs=2) == first
    monkeypatch.setattr(Tuner, "_search", None)
    again = tuner.tune(SHORT, lambda: pytest.fail("made"), shots, 0, key="start", cache=Cache(tmp_path / "one"))
    assert again == first
    for other in ({"key": "other start"}, {"key": "start", "is_trained": False}):
        with pytest.raises(TypeError):
            tuner.tune(SHORT, lambda: network, shots, 0, cache=Cache(tmp_path / "one"), **other)


def test_a_single_shot_of_a_class_keeps_the_default(network, tmp_path):
    tuned = tune(Tuner(), SHORT, network, blobs("one", 4, 1), tmp_path)
    assert (tuned.adaptation, tuned.trainings) == (SHORT, 0)
    for trainings in (0, 1):
        assert tune(Tuner(trainings=trainings), SHORT, network, blobs("two", 4, 2), tmp_path).adaptation == SHORT


def test_the_reference_is_what_is_kept_within_the_noise():
    trained, fresh = (Tuner(longest=100).reference(FineTuning(), is_trained=given) for given in (True, False))
    assert (trained.steps, fresh.steps) == (80, 134)
    assert (trained.weight_decay, fresh.weight_decay) == pytest.approx((0.3, 1.0))
    assert replace(trained, steps=200, weight_decay=0.1) == replace(fresh, steps=200, weight_decay=0.1) == FineTuning()


def test_a_training_that_fails_is_a_bad_trial(network, shots, tmp_path, monkeypatch):
    """First some of the others, then the default too."""
    fit = FineTuning.fit

    def failing(self, *args, **options):
        if self.steps in broken:
            raise TrainingFailedError("the loss became nan")
        return fit(self, *args, **options)

    monkeypatch.setattr(FineTuning, "fit", failing)
    broken = range(4, 100)
    tuned = tune(Tuner(trainings=4, longest=9), SHORT, network, shots, tmp_path / "others")
    assert tuned.adaptation.steps == 3
    assert np.isfinite(tuned.error)
    broken = range(4)
    tuned = tune(Tuner(trainings=4, longest=9), SHORT, network, shots, tmp_path / "default")
    assert tuned.adaptation.steps > 3
    assert tuned.default_error == np.inf


def test_the_default_is_the_first_trial_and_within_its_own_space():
    odd = FineTuning(steps=5000, learning_rate=0.5, weight_decay=0.0, augmentation=Augmentation(rotate=3.0))
    space = Space.of(odd, 100, is_trained=True)
    first, *others = space.first_trials()
    assert space.adaptation(first) == replace(odd, weight_decay=tuning.DECAYS[0])
    assert others
    for parameters in (first, *others):
        assert all(space.ranges[name].low <= value <= space.ranges[name].high for name, value in parameters.items())


def test_what_an_adaptation_does_not_have_is_not_tuned():
    assert "body_rate" in Space.of(FineTuning(), 100, is_trained=True).ranges
    assert "body_rate" not in Space.of(FineTuning(), 100, is_trained=False).ranges
    assert "body_rate" not in Space.of(LinearProbe(), 100, is_trained=True).ranges
    policy = FineTuning(augmentation=PolicyAugmentation("rand", recolour=1.0))
    policies = Space.of(policy, 100, is_trained=True)
    assert not {"recolour", "augmentation"} & set(policies.ranges)
    assert policies.adaptation(policies.first_trials()[0]) == policy
    plain = Space.of(FineTuning(augmentation=NO_AUGMENTATION), 100, is_trained=True).ranges
    assert not {"augmentation", "recolour"} & set(plain)
    assert "recolour" in Space.of(FineTuning(augmentation=Augmentation(recolour=1.0)), 100, is_trained=True).ranges


def test_a_slower_body_moves_less(network, shots):
    def moved(adaptation):
        return [
            float((after - before).detach().abs().sum())
            for after, before in zip(
                adaptation.fit(network, shots, 0).network.body.parameters(), network.body.parameters(), strict=True
            )
        ]

    assert sum(moved(replace(SHORT, body_rate=0.01))) < 0.1 * sum(moved(SHORT))
    with pytest.raises(InvalidOptionError, match="body_rate"):
        FineTuning(body_rate=0.0)


def test_differences_within_the_noise_keep_the_reference():
    """The second trial; a study's default is chosen where it is clearly better."""
    reference = np.array([0.5, 0.5, 0.5, 0.5])
    noisy, clear = reference - [0.5, -0.4, 0.5, -0.5], reference - [0.1, 0.1, 0.1, 0.09]
    assert choose_trial(np.stack([noisy, reference]), margin=2.0) == 1
    assert choose_trial(np.stack([noisy, reference]), margin=0.0) == 0
    assert choose_trial(np.stack([clear, reference]), margin=2.0) == 0
    assert choose_trial(np.stack([reference, reference, clear]), margin=2.0) == 2


def test_where_the_reference_fails_the_best_of_the_others_is_chosen():
    errors = np.array([[0.3, 0.3], [np.inf, 0.1], [0.2, 0.2]])
    assert choose_trial(errors, margin=2.0) == 2


def test_colours_are_not_forced_on_few_shots_that_are_better_without(recipe, tmp_path):
    """Classes that differ by brightness alone, which recolouring takes away."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 6)
    images = (60 + 120 * labels[:, None, None, None] + rng.integers(0, 20, (12, 8, 8, 3))).astype(np.uint8)
    shots = LabelledSet.from_arrays(images, labels, name="bright")
    recolouring = FineTuning(steps=60, batch=12, augmentation=Augmentation(0.0, 0.0, 0.0, recolour=1.0))
    start = fresh_network(shots, recipe, 0)
    tuned = tune(Tuner(trainings=8, longest=60), recolouring, start, shots, tmp_path, is_trained=False)
    assert tuned.adaptation.augmentation.recolour == 0


def test_others_of_the_same_networks_take_over_what_was_found():
    tuned = FineTuning(steps=600, learning_rate=1e-3, weight_decay=0.3, body_rate=0.1, augmentation=NO_AUGMENTATION)
    taught = take_over(tuned, FineTuning(steps=200), SelfTraining(steps=400, confident_fraction=0.5), longest=1500)
    assert (taught.steps, taught.confident_fraction) == (1200, 0.5)
    assert taught.learning_rate == 1e-3
    assert (taught.body_rate, taught.augmentation) == (0.1, NO_AUGMENTATION)
    assert take_over(tuned, FineTuning(steps=200), Rehearsal(steps=200, share=0.5), longest=500).steps == 500
    assert take_over(tuned, FineTuning(steps=200), Rehearsal(steps=900, share=0.5), longest=500).steps == 900


@pytest.mark.parametrize("wrong", [{"trainings": -1}, {"longest": 0}, {"folds": 1}, {"margin": -1.0}])
def test_options_out_of_range(wrong):
    with pytest.raises(InvalidOptionError, match="Tuner needs"):
        Tuner(**wrong)
