"""Rehearsal forgets less of the mixture than fine-tuning does."""

import numpy as np
import pytest
import torch
from generators.sets import blobs
from torch.nn import functional as F

from geosearch.adaptation.rehearsal import rehearse
from geosearch.errors import DomainMismatchError
from geosearch.nn.train import features, fine_tune, predict, pretrain


def forgotten(network, pretrained, mixture):
    """Cross-entropy on the mixture's classes of the head as it was pretrained, on the body as it has become."""
    with torch.no_grad():
        z = torch.from_numpy(features(network, mixture.set.images))
        scores = pretrained.head(z)
    return float(F.cross_entropy(scores, torch.from_numpy(mixture.set.labels)))


def test_rehearsal_forgets_less_of_the_mixture_than_fine_tuning(mixture, recipe, shots, test_part):
    network, recipe = pretrain(mixture, recipe.scaled(100), 0), recipe.scaled(60)
    kept = rehearse(network, shots, mixture, recipe, 0, share=0.5)
    tuned = fine_tune(network, shots, recipe, 0)
    assert forgotten(kept, network, mixture) < forgotten(tuned, network, mixture)
    assert np.mean(predict(kept, test_part.images).argmax(1) != test_part.labels) < 0.1
    assert not kept.training


def test_a_larger_share_is_another_network(mixture, recipe, shots):
    network = pretrain(mixture, recipe, 0)
    one, other = (rehearse(network, shots, mixture, recipe.scaled(5), 0, share=share) for share in (0.2, 0.7))
    assert not torch.equal(one.head.weight, other.head.weight)
    state = other.body.state_dict()
    assert not all(torch.equal(tensor, state[name]) for name, tensor in one.body.state_dict().items())


def test_the_mixture_of_another_network_is_refused(mixture, recipe, shots):
    network = pretrain(mixture, recipe.scaled(0), 0)
    with pytest.raises(DomainMismatchError, match="pretrained on"):
        rehearse(network.with_head(5, 0), shots, mixture, recipe, 0, share=0.5)
    with pytest.raises(DomainMismatchError, match="images"):
        rehearse(network, blobs("large", 4, 4, size=10), mixture, recipe, 0, share=0.5)
