"""Detect, reweight, extend: what is wrong comes first, errors fall, and what does not help stays out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from geosearch.curation.detect import detect
from geosearch.curation.extend import extend
from geosearch.curation.reweight import reweight
from geosearch.errors import DomainMismatchError, InvalidOptionError


@pytest.mark.parametrize("rounds", [1, 2])
def test_wrong_labels_have_the_greatest_derivatives(made, rounds):
    found = detect(made.pool(), rounds=rounds)
    assert roc_auc_score(made.wrong, found.derivative) > 0.9
    assert made.wrong[found.ranking[:20]].mean() > 0.9


def test_the_second_round_and_the_narrower_suspicion_tell_better(made):
    first, second = (detect(made.pool(), rounds=rounds) for rounds in (1, 2))
    assert roc_auc_score(made.wrong, second.derivative) > roc_auc_score(made.wrong, first.derivative)

    def precision(flagged):
        return made.wrong[flagged].mean()

    assert precision(second.mislabelled) > precision(second.harmful) > made.wrong.mean()


def test_likely_labels_are_mostly_the_true_ones(made):
    found = detect(made.pool())
    truth = np.arange(240) % 3
    assert (found.likely[made.wrong] == truth[made.wrong]).mean() > 0.8
    assert (found.given == made.labels).all()


def test_a_clean_core_finds_them_in_one_round(made):
    found = detect(made.pool(core=90))
    assert roc_auc_score(made.wrong, found.derivative) > 0.9


def test_reweighting_lowers_the_error_step_by_step_and_the_weights_of_wrong_labels(made):
    pool = made.pool(core=60)
    found = reweight(pool)
    assert (np.diff(found.losses) < 0).all()
    assert len(found.losses) <= 4
    assert found.weights.min() >= 0
    assert found.weights[made.wrong].mean() < found.weights[~made.wrong].mean() - 0.1
    assert made.error(pool.head(found.weights)) <= made.error(pool.head(np.ones(240)))
    assert "steps: leave-one-out error" in found.sentence


def test_reweighting_stops_where_no_step_helps():
    """Samples that say nothing: every derivative is zero."""
    from geosearch.curation.weighted_pool import Pool

    pool = Pool.of(np.zeros((12, 3)), np.full((12, 2), 0.5), ridge=1.0)
    found = reweight(pool)
    assert (found.weights == 1).all()
    assert "no step lowered" in found.sentence


def test_extending_takes_right_labels_before_wrong_ones_and_leaves_most_of_those(made):
    found = extend(made.pool(core=12), share=0.1)
    assert len(np.unique(found.order)) == len(found.order) == found.sizes[-1]
    assert made.wrong[found.order[:24]].mean() < 0.05
    assert made.wrong[found.taken].mean() < 0.5 * made.wrong.mean()
    assert found.losses[found.best] < found.losses[0]
    assert found.sizes[0] == 0
    assert (np.diff(found.sizes) <= 24).all()
    assert f"{len(found.taken)} of 240 samples taken" in found.sentence


def test_what_makes_no_sense_is_refused(made):
    with pytest.raises(DomainMismatchError, match="needs a core set"):
        extend(made.pool())
    for call in (
        lambda: extend(made.pool(core=12), share=0),
        lambda: detect(made.pool(), rounds=0),
        lambda: reweight(made.pool(), steps=0),
    ):
        with pytest.raises(InvalidOptionError):
            call()
