"""Detection ranks mislabelled samples first."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from geosearch.curation.detection import detect
from geosearch.errors import InvalidOptionError


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


def test_less_than_one_round_is_refused(made):
    with pytest.raises(InvalidOptionError, match="at least 1 round"):
        detect(made.pool(), rounds=0)
