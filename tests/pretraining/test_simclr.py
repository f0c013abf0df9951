"""SimCLR: views of one image are brought together; no label is seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.pretraining.simclr import SimCLR, nt_xent

RECIPE = Recipe(SmallConv(4), steps=8, batch=16)


def test_the_loss_is_that_of_the_paper():
    torch.manual_seed(0)
    z, b, t = torch.randn(6, 4).double(), 3, 0.5
    unit = z / z.norm(dim=1, keepdim=True)
    terms = []
    for i in range(2 * b):
        partner = (i + b) % (2 * b)
        others = [k for k in range(2 * b) if k != i]
        terms.append(
            -(unit[i] @ unit[partner] / t) + torch.logsumexp(torch.stack([unit[i] @ unit[k] / t for k in others]), 0)
        )
    torch.testing.assert_close(nt_xent(z, t), torch.stack(terms).mean())


def test_it_sees_no_label_and_equal_seeds_give_equal_networks():
    data = blobs("target", 4, 30)
    shuffled = np.random.default_rng(0).permutation(data.labels)
    same = type(data)(data.images, shuffled, data.classes, data.name)
    first, again = (SimCLR(RECIPE).train(UnlabelledSet.of(one), 0) for one in (data, same))
    assert first.fingerprint == again.fingerprint
    assert SimCLR(RECIPE).train(UnlabelledSet.of(data), 1).fingerprint != first.fingerprint
    assert not first.training


def test_views_of_one_image_are_nearer_afterwards():
    data = UnlabelledSet.of(blobs("target", 4, 60))
    x = torch.from_numpy(data.images).permute(0, 3, 1, 2).float() / 255

    def loss(steps: int) -> float:
        how = SimCLR(Recipe(SmallConv(8), steps=steps, batch=64))
        network, generator = how.train(data, 0), torch.Generator().manual_seed(0)
        with torch.inference_mode():
            views = torch.cat([how.views(x, generator), how.views(x, generator)])
            return float(nt_xent(network.features(views), 0.5))

    assert loss(60) < loss(1) - 0.1


def test_its_network_can_be_adapted():
    data = blobs("target", 4, 30)
    network = SimCLR(RECIPE).train(UnlabelledSet.of(data), 0)
    assert RidgeHead().fit(network, data, 0).predict(data.images).shape == (len(data), 4)


def test_options_out_of_range_are_refused():
    with pytest.raises(InvalidOptionError, match="temperature"):
        SimCLR(temperature=0.0)
    with pytest.raises(InvalidOptionError, match="projection"):
        SimCLR(projection=0)
