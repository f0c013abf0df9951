"""A trained model of a few kilobytes, made in a moment."""

from __future__ import annotations

from dataclasses import replace

from generators.sets import blobs

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.data.preprocessing import Preprocessing
from geosearch.model.facts import ModelFacts, Provenance, SourceShare
from geosearch.model.module import architecture_of, as_module, kept_architecture, on_images
from geosearch.model.trained_model import TrainedModel, read_out
from geosearch.model.unlikeness import Unlikeness
from geosearch.nn.backbones import Backbone
from geosearch.nn.networks import SmallConv
from geosearch.nn.pretrained_architecture import Features, PretrainedArchitecture

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
        architecture=architecture_of(module, ARCHITECTURE),
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


def pretrained_model(name: str = "timm:test_resnet", *, size: int = 12, kept: Features = "trained") -> TrainedModel:
    """A head on a whole network of a library with random weights, for grey images of 12 px."""
    backbone = Backbone(name, "random", 32)
    data, network = labelled(), PretrainedArchitecture(backbone, "last", kept).loaded(12)
    built = network.after_pretraining(network.build(1, 12, 4, seed=0), 12)
    module = as_module(RidgeHead().fit(built, data, 0))
    logits, features = read_out(module, data.images)
    facts = replace(
        trained_model().facts,
        architecture=architecture_of(module, kept_architecture(network, 12)),
        preprocessing=Preprocessing(size, 1),
    )
    return TrainedModel(on_images(module, network, 12), facts, Unlikeness.fit(features, logits.argmax(1), 0))
