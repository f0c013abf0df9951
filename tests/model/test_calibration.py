"""Temperatures undo what logits were scaled by, and few labels leave them near one."""

from __future__ import annotations

import numpy as np
import pytest
from generators.models import labelled, network_of
from scipy.special import softmax

from geosearch.adaptation.ridge import RidgeHead
from geosearch.model.calibration import (
    cross_fit_temperature,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
)


def drawn(count: int, sharpness: float, seed: int = 0):
    """Logits whose softmax is `sharpness` times too sharp, and labels."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(count, 4))
    labels = np.array([rng.choice(4, p=p) for p in softmax(logits, axis=1)])
    return sharpness * logits, labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_many_labels_find_the_temperature_and_calibrate(sharpness):
    logits, labels = drawn(4000, sharpness)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(sharpness, rel=0.1)
    assert expected_calibration_error(softmax(logits / temperature, axis=1), labels) < 0.03
    assert negative_log_likelihood(logits, labels, temperature) <= negative_log_likelihood(logits, labels)


def test_few_labels_stay_near_one():
    logits, labels = drawn(4000, 3.0)
    few = fit_temperature(logits[:10], labels[:10])
    assert 1 < few < fit_temperature(logits, labels)
    assert fit_temperature(logits[:0], labels[:0]) == 1.0


def test_all_right_does_not_make_it_certain():
    logits = np.eye(3)[np.arange(30) % 3]
    assert fit_temperature(logits, np.arange(30) % 3) > 0.1


def test_cross_fitting_leaves_the_judged_labels_out():
    shots, seen = labelled(), []

    def fit(part):
        seen.append(len(part))
        return RidgeHead().fit(network_of(), part, 0)

    temperature, count = cross_fit_temperature(fit, shots, 0)
    assert (temperature, count) == cross_fit_temperature(fit, shots, 0)
    assert temperature > 0
    assert count == len(shots)
    assert max(seen) < len(shots)


def test_the_only_label_of_a_class_is_never_left_out_and_judges_nothing():
    shots = labelled()
    rows = np.concatenate([np.flatnonzero(shots.labels == label)[:n] for label, n in enumerate((5, 3, 1, 2))])

    def fit(part):
        assert 2 in part.labels
        return RidgeHead().fit(network_of(), part, 0)

    temperature, count = cross_fit_temperature(fit, shots.take(rows), 0)
    assert temperature > 0
    assert count == 10


def test_without_a_second_label_of_any_class_nothing_is_calibrated():
    shots = labelled()
    first = np.array([np.flatnonzero(shots.labels == label)[0] for label in range(4)])
    assert cross_fit_temperature(lambda part: pytest.fail("nothing to leave out"), shots.take(first), 0) == (1, 0)


def test_the_calibration_error_of_certainty_is_the_error():
    probabilities = np.eye(2)[np.zeros(10, int)]
    assert expected_calibration_error(probabilities, (np.arange(10) % 5 > 1).astype(int)) == pytest.approx(0.6)
