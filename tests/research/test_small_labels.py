"""Verdicts without test labels: no label is fitted to where it judges; the truth is that of all labels of a draw."""

from __future__ import annotations

import numpy as np
import pytest

from research.labels import cross_fitting
from research.labels.known_targets import KnownTarget
from research.labels.verdicts import Summary, Verdict, cross_fitted, naive


@pytest.fixture
def target() -> KnownTarget:
    """Three classes; of the two mixtures the second tells them apart, no pretraining tells nothing."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=400)
    clear = 4 * np.eye(3)[labels] + rng.normal(size=(400, 3))
    return KnownTarget((rng.normal(size=(400, 300)), clear), (rng.normal(size=(400, 5)),), labels, 300)


@pytest.fixture
def line(target, monkeypatch):
    monkeypatch.setattr(cross_fitting, "known_target", lambda name: target)
    return cross_fitting.measure("three clear classes", 5, 0)


def test_counts_are_uneven_and_from_the_training_part(target):
    labels = cross_fitting.draw_labels(target, "three clear classes", 10, 1)
    counts = np.bincount(labels.classes)
    assert counts.min() >= 5
    assert counts.max() <= 20
    assert len(set(counts.tolist())) > 1
    assert labels.rows.max() < target.train
    assert len(set(labels.rows.tolist())) == len(labels.rows)
    assert (target.labels[labels.rows] == labels.classes).all()


def test_the_clear_mixture_is_chosen_and_its_truth_is_known(line):
    assert line["best"]["chosen"] == 1
    assert set(line["best"]["chosen_in_folds"]) == {1}
    assert line["best"]["truth"]["rest"][0] < 0.1 < 0.5 < line["none"]["truth"]["rest"][0]
    verdict = cross_fitted(line, "gap")
    assert verdict.truth == pytest.approx(100 * (line["best"]["truth"]["rest"][0] - line["none"]["truth"]["rest"][0]))
    assert verdict.estimate < -20
    assert verdict.holds
    assert naive(line, "gap").truth == verdict.truth


def test_every_label_judges_once_in_every_repetition(line):
    assert all(
        len(row) == len(line["labels"]) for row in (*line["fold"], *line["best"]["wrong"], line["best"]["naive"])
    )
    assert all(set(row) == set("01234") for row in line["fold"])


def test_the_labels_that_judge_are_not_fitted_to(target, monkeypatch):
    """The predictions of a label are the same whatever its class is said to be."""
    labels = cross_fitting.draw_labels(target, "three clear classes", 10, 1)
    judged = np.array([0, 5, 9])
    lied = cross_fitting.Labels(labels.rows, labels.classes.copy(), 3)
    lied.classes[judged] = (lied.classes[judged] + 1) % 3
    first, second = (cross_fitting.choose(target.mixtures, one.without(judged)) for one in (labels, lied))
    assert first.number == second.number
    assert (first.head.weight == second.head.weight).all()


def test_reduced_features_change_no_regression(target):
    labels = cross_fitting.draw_labels(target, "three clear classes", 5, 0)
    kept, whole = labels.without(np.arange(3)), target.mixtures[0]
    near = cross_fitting.reduced(whole, labels.rows)
    assert near.shape == (400, len(labels.rows))
    assert whole.shape[1] > len(labels.rows)
    everything = np.arange(400)
    first, second = (cross_fitting.choose([features], kept).predict(everything) for features in (near, whole))
    assert (first == second).all()


def test_summaries_count_the_intervals_that_hold_the_truth():
    found = Summary.of([Verdict(1.0, 2.0, 0.0), Verdict(3.0, 2.0, 0.0)])
    assert (found.bias, found.coverage, found.half_width) == (2.0, 0.5, 2.0)
