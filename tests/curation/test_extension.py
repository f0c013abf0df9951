"""Extension adds correctly labelled samples first, and leaves most mislabelled ones out."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.curation.extension import extend
from geosearch.errors import DomainMismatchError, InvalidOptionError


def test_extending_takes_right_labels_before_wrong_ones_and_leaves_most_of_those(made):
    found = extend(made.pool(core=12), share=0.1)
    assert len(np.unique(found.order)) == len(found.order) == found.sizes[-1]
    assert made.wrong[found.order[:24]].mean() < 0.05
    assert made.wrong[found.taken].mean() < 0.5 * made.wrong.mean()
    assert found.losses[found.best] < found.losses[0]
    assert found.sizes[0] == 0
    assert (np.diff(found.sizes) <= 24).all()
    assert f"{len(found.taken)} of 240 samples taken" in found.sentence


def test_a_pool_without_a_core_and_an_empty_share_are_refused(made):
    with pytest.raises(DomainMismatchError, match="needs a core set"):
        extend(made.pool())
    with pytest.raises(InvalidOptionError, match="share"):
        extend(made.pool(core=12), share=0)
