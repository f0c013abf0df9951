"""Heads inside episodes: ridge regression in closed form, a support vector machine, and gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from geosearch.errors import InvalidOptionError
from geosearch.pretraining.objective import INNERS


@INNERS.register("ridge", "ridge regression, in closed form (Bertinetto et al. 2019)")
@dataclass(frozen=True)
class RidgeInner:
    """(K + strength n I)^-1 Y.

    Source: Bertinetto et al. 2019; Lee et al. 2019, whose ridge head is the same.

    Example:
        >>> RidgeInner().dual(torch.eye(2), torch.eye(2), torch.tensor(0.5))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.5000]])
    """

    def dual(self, gram: torch.Tensor, targets: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """See `Inner.dual`."""
        n = len(gram)
        solved: torch.Tensor = torch.linalg.solve(gram + strength * n * torch.eye(n).to(gram), targets)
        return solved


@INNERS.register(
    "svm",
    "multi-class support vector machine, by projected gradient steps on its dual (MetaOptNet, Lee et al. 2019)",
)
@dataclass(frozen=True)
class SVMInner:
    """The dual of Crammer & Singer, min tr(A^T K A) / 2 - tr(A^T Y) with rows a_i <= C y_i that sum to 0, C = strength.

    Accelerated projected gradient, differentiated through its steps; labels are the largest of each row of Y.

    Source: Lee et al. 2019 (MetaOptNet), eq. of sec. 3.2. Ours: gradient steps in place of an interior-point solver.

    Attributes:
        steps: of the solver.

    Example:
        >>> SVMInner().dual(torch.eye(2), torch.eye(2), torch.tensor(0.1))
        tensor([[ 0.1000, -0.1000],
                [-0.1000,  0.1000]])
    """

    steps: int = 20

    def __post_init__(self) -> None:
        _check_steps(self.steps)

    def dual(self, gram: torch.Tensor, targets: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """See `Inner.dual`."""
        y = torch.nn.functional.one_hot(targets.argmax(1), targets.shape[1]).to(gram)
        if not torch.isfinite(gram).all():
            return gram @ y * torch.nan  # a training that diverged fails by its loss, not here
        rate = 1 / torch.linalg.eigvalsh(gram)[-1].clamp(min=1e-6)
        a = before = torch.zeros_like(y)
        for step in range(self.steps):
            ahead = a + (step / (step + 3)) * (a - before)
            before = a
            moved = ahead - rate * (gram @ ahead - y)
            a = strength * y - project_to_simplex(strength * y - moved, strength)
        return a


@INNERS.register(
    "descent", "gradient descent on the cross-entropy, whose steps are differentiated (Franceschi et al. 2018)"
)
@dataclass(frozen=True)
class DescentInner:
    """T steps of gradient descent from zero on the cross-entropy of a linear head; strength is the step.

    Source: Franceschi et al. 2018 (hyper-representation): the network is the outer variable, the head the inner one.

    Attributes:
        steps: T.

    Example:
        >>> DescentInner(steps=1).dual(torch.eye(2), torch.eye(2), torch.tensor(1.0))
        tensor([[ 0.2500, -0.2500],
                [-0.2500,  0.2500]])
    """

    steps: int = 10

    def __post_init__(self) -> None:
        _check_steps(self.steps)

    def dual(self, gram: torch.Tensor, targets: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """See `Inner.dual`."""
        a = torch.zeros_like(targets)
        for _ in range(self.steps):
            a = a - strength / len(gram) * ((gram @ a).softmax(1) - targets)
        return a


def project_to_simplex(rows: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """The nearest rows (n, c) that are not negative and sum to `total`; differentiable.

    >>> project_to_simplex(torch.tensor([[1.0, 0.5, -3.0]]), torch.tensor(1.0))
    tensor([[0.7500, 0.2500, 0.0000]])
    """
    ordered = rows.sort(1, descending=True).values
    excess = (ordered.cumsum(1) - total) / torch.arange(1, rows.shape[1] + 1).to(rows)
    last = (ordered > excess).sum(1, keepdim=True) - 1
    return (rows - excess.gather(1, last)).clamp(min=0)


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise InvalidOptionError(f"a head inside episodes needs steps >= 1, got {steps}")
