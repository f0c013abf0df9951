"""A linear probe leaves the body frozen, and its head learns the shots."""

import numpy as np
import torch

from geosearch.adaptation.linear_probe import train_head
from geosearch.nn.train import predict, pretrain


def test_the_body_stays_and_the_head_learns(mixture, recipe, shots, test_part):
    network = pretrain(mixture, recipe.scaled(60), 0)
    adapted = train_head(network, shots, recipe.scaled(60), 0)
    state = network.body.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in adapted.body.state_dict().items())
    assert not adapted.training
    assert np.mean(predict(adapted, test_part.images).argmax(1) != test_part.labels) < 0.1
    assert torch.equal(adapted.head.weight, train_head(network, shots, recipe.scaled(60), 0).head.weight)
