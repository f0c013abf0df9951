"""Hypergradients: equal to finite differences of the shots' error after the step, or at the optimum of the layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network, SmallConv
from geosearch.pretraining.hypergradient import (
    HYPERGRADIENTS,
    Hypergradient,
    Implicit,
    LookAhead,
    Parameters,
    WeightedStep,
    _gauss_newton,
)

M, EACH, CLASSES = 3, 8, 4
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)


def linear_network(seed: int = 0) -> Network:
    """Scores are linear in its last layer, so Gauss-Newton is the Hessian."""
    torch.manual_seed(seed)
    return Network(nn.Sequential(nn.Flatten(), nn.Linear(9, 5, bias=False)), nn.Linear(5, CLASSES)).double()


def batch(size: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    x = torch.rand(size, 1, side, side, generator=generator, dtype=torch.float64)
    return x, torch.randint(CLASSES, (size,), generator=generator)


def step_of(network: Network, side: int, weights: torch.Tensor = WEIGHTS, rate: float = 0.1) -> WeightedStep:
    """A step on random images; the error of the shots is a squared distance of their features from given ones."""
    x, y = batch(M * EACH, side)
    shots = (batch(6, side)[0] - 0.5) * 2
    scores = network(x)
    losses = F.cross_entropy(scores, y, reduction="none").view(M, EACH).mean(1)

    def error(parameters: Parameters) -> torch.Tensor:
        features = torch.func.functional_call(network.body, dict(parameters), (shots,))
        return (features - 1).square().mean()

    return WeightedStep(network, scores, losses, weights, rate, error)


def test_look_ahead_is_the_derivative_of_the_error_after_the_step() -> None:
    network = SmallConv(4).build(1, 8, CLASSES, seed=0).double().train()

    def after(weights: torch.Tensor) -> float:
        step = step_of(network, 8, weights)
        parameters = step.body()
        slopes = torch.autograd.grad(step.losses @ weights, tuple(parameters.values()))
        moved = {
            name: (one - step.rate * slope).detach()
            for (name, one), slope in zip(parameters.items(), slopes, strict=True)
        }
        return float(step.error(moved))

    found = LookAhead().of(step_of(network, 8))
    ends = [(after(WEIGHTS + 1e-5 * one), after(WEIGHTS - 1e-5 * one)) for one in torch.eye(M).double()]
    assert found.tolist() == pytest.approx([(up - down) / 2e-5 for up, down in ends], rel=1e-4)


def test_implicit_is_the_derivative_of_the_error_at_the_optimum_of_the_layer() -> None:
    """The damped optimum is that of a loss with a quadratic term around the layer where the hypergradient is taken."""
    network = linear_network()
    name, weight = next(iter(step_of(network, 3).last_layer().items()))

    def optimum(weights: torch.Tensor, damping: float, start: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            weight.copy_(start)
        pull = (torch.autograd.grad(step_of(network, 3).losses @ WEIGHTS, weight)[0]).detach()
        options = {"tolerance_grad": 1e-11, "tolerance_change": 0, "line_search_fn": "strong_wolfe"}
        solver = torch.optim.LBFGS([weight], max_iter=300, **options)

        def closure() -> torch.Tensor:
            solver.zero_grad()
            gap = weight - start
            loss = step_of(network, 3).losses @ weights + damping / 2 * gap.square().sum() - (pull * gap).sum()
            loss.backward()
            return loss

        solver.step(closure)
        return weight.detach().clone()

    start, method = weight.detach().clone(), Implicit(iterations=60, damping=0.5)
    found, step = method.of(step_of(network, 3)), step_of(network, 3)
    (towards,) = step.gradient_of_error({name: weight})
    damping = float(0.5 * (towards * _gauss_newton(step, weight)(towards)).sum() / towards.square().sum())
    ends = [
        [float(step.error({name: optimum(WEIGHTS + sign * 1e-3 * one, damping, start)})) for sign in (1, -1)]
        for one in torch.eye(M).double()
    ]
    assert found.tolist() == pytest.approx([(up - down) / 2e-3 for up, down in ends], rel=1e-3)


@pytest.mark.parametrize("method", [HYPERGRADIENTS.build(name, {}) for name in HYPERGRADIENTS.names()])
def test_a_network_and_its_step_are_left_as_they_were(method: Hypergradient) -> None:
    network = SmallConv(4).build(1, 8, CLASSES, seed=0).double().train()
    before = [one.detach().clone() for one in network.parameters()]
    step = step_of(network, 8)
    assert torch.isfinite(method.of(step)).all()
    assert all(torch.equal(one, old) for one, old in zip(network.parameters(), before, strict=True))
    (step.losses @ WEIGHTS).backward()  # the graph is still there


def test_bad_options_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="iterations >= 1"):
        Implicit(iterations=0)
