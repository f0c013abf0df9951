"""What every adaptation promises: seeded, the network left as it was, finite scores within their ranges, a key."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from generators.sets import blobs
from generators.training import BlobMixture

from geosearch.adaptation.automatic import Automatic
from geosearch.adaptation.balanced_loss import BalancedLoss
from geosearch.adaptation.base import ADAPTATIONS, Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.loss import LogitAdjustment
from geosearch.adaptation.prototypes import PrototypeHead
from geosearch.adaptation.regularized import RegularizedFineTuning
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.robust_prototypes import MedianPrototypes, SimilarityPrototypes
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.shot_transformer import ShotTransformer
from geosearch.data.target import SealedLabels
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import GeosearchError
from geosearch.nn.networks import SmallConv
from geosearch.runtime.registry import name_of

UNLABELLED = UnlabelledSet.of(blobs("target", 4, 10, seed=3, shift=1))
MADE: dict[str, Callable[[], Adaptation]] = {
    "ridge": RidgeHead,
    "ridge, logit-adjusted": lambda: RidgeHead(loss=LogitAdjustment()),
    "ridge, balanced": lambda: RidgeHead(loss=BalancedLoss()),
    "linear-probe": lambda: LinearProbe(steps=3),
    "linear-probe, logit-adjusted": lambda: LinearProbe(steps=3, loss=LogitAdjustment()),
    "linear-probe, balanced": lambda: LinearProbe(steps=3, loss=BalancedLoss(steps=2, inner_steps=5)),
    "fine-tune": lambda: FineTuning(steps=3),
    "fine-tune, balanced": lambda: FineTuning(steps=3, loss=BalancedLoss(steps=2, inner_steps=5)),
    "prototypes": PrototypeHead,
    "prototypes, median": lambda: PrototypeHead(MedianPrototypes()),
    "prototypes, similarity": lambda: PrototypeHead(SimilarityPrototypes()),
    "prototypes, transformer": lambda: PrototypeHead(ShotTransformer(steps=2, images=100)),
    "rehearse": lambda: Rehearsal(steps=3),
    "regularized": lambda: RegularizedFineTuning(steps=3),
    "self-train": lambda: SelfTraining(steps=3, head_steps=3, unlabelled=UNLABELLED),
    "self-train-ridge": lambda: SelfTrainedRidge(UNLABELLED),
    "auto": lambda: Automatic(UNLABELLED),
    "fixmatch": lambda: FixMatch(steps=3, unlabelled=UNLABELLED),
}


@pytest.fixture
def network():
    return SmallConv(4).build(channels=1, size=8, classes=6, seed=0)


@pytest.fixture
def few():
    """Uneven: 6, 3, 3 and 2 of the classes."""
    data = blobs("target", 4, 6, seed=1, shift=1)
    counts = zip(range(4), (6, 3, 3, 2), strict=True)
    return data.take(np.concatenate([np.flatnonzero(data.labels == label)[:count] for label, count in counts]))


@pytest.fixture
def judges():
    return blobs("target", 4, 8, seed=2, shift=1)


@pytest.mark.parametrize("name", MADE)
def test_equal_seeds_give_equal_finite_predictions_and_leave_the_network_as_it_was(name, network, few, judges):
    before = network.fingerprint
    first, again = (MADE[name]().fit(network, few, 1, BlobMixture()).predict(judges.images) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert first.shape == (len(judges), 4)
    assert network.fingerprint == before


@pytest.mark.parametrize("name", MADE)
def test_scores_are_seeded_and_within_their_ranges(name, network, few):
    first, again = (MADE[name]().score(network, few, 1, BlobMixture()) for _ in range(2))
    assert first == again
    assert np.isfinite(first.squared_error)
    assert first.squared_error >= 0
    assert 0 <= first.top1_error <= 1


def test_keys_tell_them_apart_and_every_registered_one_is_here():
    made = {name: make() for name, make in MADE.items()}
    assert len({one.key for one in made.values()}) == len(made)
    assert set(ADAPTATIONS.names()) <= {name_of(type(one)) for one in made.values()}


GRADIENT = ({"folds": 1}, {"body_rate": 0.0}, {"learning_rate": -1.0})
BAD = {
    **dict.fromkeys((LinearProbe, FineTuning, RegularizedFineTuning, Rehearsal, SelfTraining, FixMatch), GRADIENT),
    RidgeHead: ({"ridge": 0.0},),
    PrototypeHead: ({"folds": 1},),
    SelfTrainedRidge: ({"balance": 2.0}, {"fraction": 0.0}, {"ridge": 0.0}, {"rounds": -1}, {"folds": 1}, {"most": 0}),
    Automatic: ({"balance": -1.0},),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_options_are_refused(kind):
    for bad in BAD[kind]:
        with pytest.raises(GeosearchError):
            kind(**bad)


def test_bad_options_of_every_registered_one_are_here():
    assert set(ADAPTATIONS.names()) == {name_of(kind) for kind in BAD}


@pytest.mark.parametrize("name", MADE)
def test_no_sealed_label_is_revealed(name, network, few, monkeypatch):
    def refuse(self):
        raise AssertionError("test labels were read")

    monkeypatch.setattr(SealedLabels, "reveal", refuse)
    MADE[name]().fit(network, few, 1, BlobMixture())
