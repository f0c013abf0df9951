"""A module predicts what its predictor predicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.models import ARCHITECTURE, labelled, network_of
from scipy.special import softmax

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fixed_features
from geosearch.adaptation.predictors import EnsemblePredictor, NetworkPredictor
from geosearch.adaptation.ridge import RidgeHead
from geosearch.errors import InvalidOptionError
from geosearch.model.module import SHARPNESS, architecture_of, as_module, build_module, classify
from geosearch.model.trained_model import read_out
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import as_tensor


def predictors():
    shots = labelled()
    pixels = fixed_features(shots, Recipe(ARCHITECTURE, steps=1), 0)
    return {
        "ridge": RidgeHead().fit(network_of(), shots, 0),
        "ridge on pixels": RidgeHead().fit(pixels, shots, 0),
        "fine-tuned": FineTuning(steps=4).fit(network_of(), shots, 0),
        "ensemble": EnsemblePredictor([NetworkPredictor(network_of(seed)) for seed in range(3)]),
    }


@pytest.mark.parametrize("name", ["ridge", "ridge on pixels", "fine-tuned", "ensemble"])
def test_a_module_gives_the_classes_of_its_predictor_and_is_built_again_from_its_facts(name):
    predictor, images = predictors()[name], labelled(1).images
    module = as_module(predictor)
    scores = predictor.predict(images)
    logits, features = read_out(module, images)
    expected = SHARPNESS * scores if "ridge" in name else scores
    assert np.allclose(logits if "ridge" in name else softmax(logits, axis=1), expected, atol=1e-4)
    assert (logits.argmax(1) == scores.argmax(1)).all()
    assert torch.equal(classify(module, torch.from_numpy(features)), module(as_tensor(images)))
    facts = architecture_of(module, ARCHITECTURE)
    again = build_module(facts, channels=1, size=12, classes=4, is_ensemble=name == "ensemble")
    again.load_state_dict(module.state_dict())
    assert torch.equal(again(as_tensor(images)), module(as_tensor(images)))


def test_a_module_shares_no_memory_with_its_predictor():
    predictor = NetworkPredictor(network_of())
    before = predictor.network.fingerprint
    with torch.no_grad():
        for parameter in as_module(predictor).parameters():
            parameter.zero_()
    assert predictor.network.fingerprint == before


def test_unknown_predictors_and_architectures_are_refused():
    with pytest.raises(InvalidOptionError, match="cannot be written as one module"):
        as_module(object())
    with pytest.raises(InvalidOptionError, match=r"recipe\.network"):
        build_module([{"architecture": "nonsense"}], channels=1, size=12, classes=4, is_ensemble=False)
    with pytest.raises(InvalidOptionError, match="does not take"):
        build_module([{"architecture": "vgg", "depth": 3}], channels=1, size=12, classes=4, is_ensemble=False)
