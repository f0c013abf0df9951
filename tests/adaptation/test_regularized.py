"""Regularized fine-tuning: radius 0 is the start, no layer leaves its ball, and wrong labels are corrected."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from geosearch.adaptation.regularized import Ball, RegularizedFineTuning, balls_of, project, self_labels
from geosearch.errors import InvalidOptionError
from geosearch.nn.train import pretrain


@pytest.fixture
def network(mixture, recipe):
    return pretrain(mixture, recipe, seed=0)


def test_radius_0_gives_the_start_and_trains_the_head(network, shots):
    adapted = RegularizedFineTuning(steps=5, radius=0.0).fit(network, shots, 0).network
    start = network.body.state_dict()
    assert all(torch.equal(tensor, start[name]) for name, tensor in adapted.body.state_dict().items())
    assert not torch.equal(adapted.head.weight, network.with_head(4, 0).head.weight)


@pytest.mark.parametrize("radius", [0.01, 0.1])
def test_every_layer_ends_in_its_ball_and_some_on_its_edge(network, shots, radius):
    adapted = RegularizedFineTuning(steps=20, radius=radius).fit(network, shots, 0).network
    shares = []
    for before, after in zip(*(balls_of(body, radius, 2.0) for body in (network.body, adapted.body)), strict=True):
        moved = torch.cat([(a - b).flatten() for a, b in zip(after.centers, before.centers, strict=True)]).norm()
        shares.append(float(moved) / before.radius)
    assert max(shares) == pytest.approx(1, abs=1e-4)


def test_radii_grow_geometrically_to_the_last_layer():
    body = nn.Sequential(*(nn.Linear(3, 3) for _ in range(3)))
    radii = [
        ball.radius / float(torch.cat([c.flatten() for c in ball.centers]).norm()) for ball in balls_of(body, 0.4, 4)
    ]
    assert radii == pytest.approx([0.1, 0.2, 0.4])


def test_the_projection_is_the_nearest_point_and_leaves_what_is_inside():
    weight, center = nn.Parameter(torch.tensor([3.0, 4.0])), torch.zeros(2)
    project([Ball([weight], [center], 10.0)])
    assert weight.tolist() == [3.0, 4.0]
    project([Ball([weight], [center], 1.0)])
    torch.testing.assert_close(weight.data, torch.tensor([0.6, 0.8]))


def test_labels_are_corrected_above_the_threshold_only_and_uncertain_shots_count_less():
    scores, labels = torch.tensor([[4.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), torch.eye(2)[[1, 1, 0]]
    corrected, weights = self_labels(scores, labels, threshold=0.9, doubt=1.0)
    assert corrected.argmax(1).tolist() == [0, 1, 0]
    assert weights.mean() == pytest.approx(1)
    assert weights[0] > weights[1] > weights[2]
    assert weights[2] == pytest.approx(0, abs=1e-6)
    same, equal = self_labels(scores, labels, threshold=1.0, doubt=0.0)
    assert torch.equal(same, labels)
    assert torch.equal(equal, torch.ones(3))


def test_equal_seeds_give_equal_weights(network, shots):
    first, again = (RegularizedFineTuning(steps=3).fit(network, shots, 1).network.fingerprint for _ in range(2))
    assert first == again


@pytest.mark.parametrize("bad", [{"radius": -0.1}, {"growth": 0.5}, {"threshold": 0.2}, {"radius": np.inf}])
def test_bad_options_are_refused(bad):
    with pytest.raises(InvalidOptionError, match="radius"):
        RegularizedFineTuning(**bad)


def test_parts_that_are_frozen_have_no_ball_and_move_no_other() -> None:
    frozen, first, last = (nn.Linear(4, 4) for _ in range(3))
    frozen.requires_grad_(False)
    beside, alone = (balls_of(nn.Sequential(*parts), 0.5, 2.0) for parts in ([frozen, first, last], [first, last]))
    assert [one.radius for one in beside] == [one.radius for one in alone]
