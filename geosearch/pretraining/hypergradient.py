"""Hypergradients: the derivative of the shots' error in the loss weights of the sources that a network learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch

from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.runtime.registry import Choice

Parameters = Mapping[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class WeightedStep:
    """One step of a training on m sources, before it is made.

    Attributes:
        network: in training mode, with the parameters before the step.
        scores: (m k, c) of the batch, k images of every source, source by source.
        losses: (m,) mean cross-entropy of every source.
        weights: (m,) of the losses; their sum is 1.
        rate: learning rate.
        error: parameters of the body by name -> the shots' error with them, a scalar.
    """

    network: Network
    scores: torch.Tensor
    losses: torch.Tensor
    weights: torch.Tensor
    rate: float
    error: Callable[[Parameters], torch.Tensor]

    def body(self) -> dict[str, torch.Tensor]:
        """The parameters of the body that are trained."""
        return {name: one for name, one in self.network.body.named_parameters() if one.requires_grad}

    def last_layer(self) -> dict[str, torch.Tensor]:
        """The weight of the last linear map or convolution of the body that is trained."""
        name, weight = [(name, one) for name, one in self.body().items() if one.ndim > 1][-1]
        return {name: weight}

    def gradient_of_error(self, parameters: Parameters) -> tuple[torch.Tensor, ...]:
        """Derivative of the shots' error in the given parameters."""
        free = {name: one.detach().requires_grad_() for name, one in parameters.items()}
        return torch.autograd.grad(self.error(free), tuple(free.values()))


class Hypergradient(Protocol):
    """How the derivative in the weights of the sources is taken."""

    def of(self, step: WeightedStep) -> torch.Tensor:
        """Derivative (m,) of the shots' error in the weights, up to a positive factor. The step is not made."""
        ...


HYPERGRADIENTS: Choice[Hypergradient] = Choice(
    "search.hypergradient",
    default="look-ahead",
    meaning='How search.sampler = "hypergradient" differentiates the error of the shots in the weights of the sources.',
    room=__name__,
)


@HYPERGRADIENTS.register("look-ahead", "through the next step of gradient descent (FastMix, Tan et al. 2026)")
@dataclass(frozen=True)
class LookAhead:
    """-e <dE(w'), dL_i(w)> for w' = w - e sum_i a_i dL_i(w), over all parameters w of the body.

    It is exact for one step of gradient descent of size e. All m products come from one derivative of a derivative, so
    the cost does not grow with the number of sources.

    Source: Tan et al. 2026 (FastMix); Ren et al. 2018. It is the one-step case of Raghu et al. 2021. Ours: AdamW takes
    the step, and E is the error of a head in closed form, so no adaptation is unrolled.
    """

    def of(self, step: WeightedStep) -> torch.Tensor:
        """See `Hypergradient.of`."""
        parameters = step.body()
        gradient, products = _source_gradients(step, tuple(parameters.values()))
        moved = zip(parameters.items(), gradient, strict=True)
        ahead = {name: one.detach() - step.rate * slope for (name, one), slope in moved}
        return -step.rate * products(step.gradient_of_error(ahead))


@HYPERGRADIENTS.register(
    "implicit",
    "through the optimum of the last layer, by the implicit function theorem (Lorraine, Vicol & Duvenaud 2020)",
)
@dataclass(frozen=True)
class Implicit:
    """-<dE, (G + d I)^-1 dL_i>, over the last layer of the body.

    It is the derivative of E at the weights of the last layer that minimize sum_i a_i L_i, all other layers and the
    head of the sources kept, as if this step began there. G is the Gauss-Newton matrix of the weighted loss, which is
    its Hessian where the scores are linear in the layer; the system is solved by conjugate gradients. d is `damping`
    times the curvature of the loss along dE.

    Source: Lorraine, Vicol & Duvenaud 2020; Raghu et al. 2021. Ours: the last layer only, Gauss-Newton, damped; the
    head on the shots is solved in closed form and differentiated as it is.

    Attributes:
        iterations: of conjugate gradients.
        damping: see above.
    """

    iterations: int = 5
    damping: float = 0.1

    def __post_init__(self) -> None:
        if self.iterations < 1 or not self.damping > 0:
            raise InvalidOptionError(
                f"Implicit needs iterations >= 1 and damping > 0, got {self.iterations} and {self.damping}"
            )

    def of(self, step: WeightedStep) -> torch.Tensor:
        """See `Hypergradient.of`."""
        ((name, weight),) = step.last_layer().items()
        products = _source_gradients(step, (weight,))[1]
        (towards,) = step.gradient_of_error({name: weight})
        curve = _gauss_newton(step, weight)
        damping = self.damping * (towards * curve(towards)).sum() / towards.square().sum().clamp(min=1e-30)
        solved = _solve(lambda v: curve(v) + damping * v, towards, self.iterations)
        return -products((solved,))


Product = Callable[[tuple[torch.Tensor, ...]], torch.Tensor]


def _source_gradients(
    step: WeightedStep, parameters: tuple[torch.Tensor, ...]
) -> tuple[tuple[torch.Tensor, ...], Product]:
    """The gradient of the weighted loss, and what gives the products (m,) of a direction with the sources' gradients.

    The gradient is linear in the weights, so its derivative along them is what is wanted.
    """
    weights = step.weights.detach().clone().requires_grad_()
    gradient = torch.autograd.grad(step.losses, parameters, weights, create_graph=True)
    along = torch.autograd.grad
    return (
        tuple(one.detach() for one in gradient),
        lambda direction: along(gradient, weights, direction, retain_graph=True)[0],
    )


def _gauss_newton(step: WeightedStep, weight: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Gives the product of the Gauss-Newton matrix of the weighted cross-entropy with a direction."""
    scores = step.scores
    chances = scores.detach().softmax(1)
    each = step.weights.detach().repeat_interleave(len(scores) // len(step.weights))  # (m k,)
    share = each[:, None] * len(step.weights) / len(scores)
    dummy = torch.zeros_like(scores, requires_grad=True)
    (back,) = torch.autograd.grad(scores, weight, dummy, create_graph=True)  # linear in `dummy`

    def product(direction: torch.Tensor) -> torch.Tensor:
        (moved,) = torch.autograd.grad(back, dummy, direction, retain_graph=True)  # (m k, c)
        bent = share * chances * (moved - (chances * moved).sum(1, keepdim=True))
        found: torch.Tensor = torch.autograd.grad(scores, weight, bent, retain_graph=True)[0]
        return found

    return product


def _solve(matrix: Callable[[torch.Tensor], torch.Tensor], right: torch.Tensor, iterations: int) -> torch.Tensor:
    """matrix^-1 right, by conjugate gradients (Hestenes & Stiefel 1952)."""
    solved, residual = torch.zeros_like(right), right.clone()
    direction, square = residual, residual.square().sum()
    for _ in range(iterations):
        if square <= 1e-12 * right.square().sum():
            break
        image = matrix(direction)
        length = square / (direction * image).sum()
        solved, residual = solved + length * direction, residual - length * image
        before, square = square, residual.square().sum()
        direction = residual + square / before * direction
    return solved
