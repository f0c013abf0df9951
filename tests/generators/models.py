"""A trained model of a few kilobytes, made in a moment."""

from __future__ import annotations

from generators.sets import blobs

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.data.preprocessing import Preprocessing
from geosearch.model.facts import ModelFacts, Provenance, SourceShare
from geosearch.model.module import architecture_of, as_module
from geosearch.model.trained_model import TrainedModel, read_out
from geosearch.model.unlikeness import Unlikeness
from geosearch.nn.networks import SmallConv

ARCHITECTURE = SmallConv(4)


def labelled(seed: int = 0) -> LabelledSet:
    """80 images of 12 px in 4 classes."""
    return blobs("toy", 4, 20, seed=seed, size=12, shift=0)


def network_of(seed: int = 0):
    """An untrained network for them."""
    return ARCHITECTURE.build(channels=1, size=12, classes=4, seed=seed)


def trained_model(adaptation: Adaptation | None = None, *, seed: int = 0) -> TrainedModel:
    """A head on an untrained network."""
    data = labelled()
    module = as_module((adaptation or RidgeHead()).fit(network_of(seed), data, seed))
    _, features = read_out(module, data.images)
    facts = ModelFacts(
        classes=("ash", "birch", "cedar", "dogwood"),
        architecture=architecture_of(module, ARCHITECTURE.facts),
        is_ensemble=False,
        preprocessing=Preprocessing(12, 1),
        adaptation={"type": "ridge"},
        temperature=1.5,
        provenance=Provenance(
            "toy",
            "npz:toy.npz",
            verdict="It works.",
            sources=(SourceShare("near", "npz:n.npz", 1.0, 9, 2, "MIT", "ab"),),
        ),
    )
    return TrainedModel(module, facts, Unlikeness.fit(features, data.labels, seed))
