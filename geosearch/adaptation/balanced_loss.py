"""BalancedLoss: offsets and scales of classes, learned on the class-balanced error of labels that were left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn import functional as F

from geosearch import seeds
from geosearch.adaptation.cross_validation import can_be_left_out, stratified_folds
from geosearch.adaptation.loss import LOSSES, VectorScaling, class_frequencies, is_uneven, log_frequencies
from geosearch.errors import InvalidOptionError

MOMENTUM, DECAY = 0.9, 1e-3  # of the heads' training
START, BOUNDS = (1.0, 0.0), ((0.0, 3.0), (0.0, 1.0))  # of tau and gamma


@LOSSES.register(
    "balanced",
    "scores scaled and shifted by class, as far as the balanced error of left-out labels asks "
    "(AutoBalance, Li et al. 2021)",
)
@dataclass(frozen=True)
class BalancedLoss:
    """Learn how strongly scores are shifted and scaled by class frequency, for the class-balanced error.

    The inner problem trains linear heads on frozen features, one for each fold of the labels, by gradient descent on
    the cross-entropy of scales_y f_y + offsets_y, with offsets_y = tau log p_y and scales_y = p_y^gamma (p relative to
    the most frequent class). The outer problem is the cross-entropy of the plain scores f of the labels that a fold
    left out, every class with the same weight; its gradient in (tau, gamma) flows through all steps of the inner one.
    What was learned is then used to train heads and whole networks. For a ridge regression, whose leave-one-out error
    has a closed form, the power of the weights 1 / p^tau is the one of `powers` with the least balanced error.

    Source: Li et al. 2021 (AutoBalance), starting from logit adjustment. Ours: two numbers for all classes in
    place of two for each class, which few labels cannot tell; folds and frozen features in place of a validation set
    and the whole network. With equally frequent classes the loss is the plain one.

    Attributes:
        steps: evaluations of the outer problem, about.
        inner_steps: of the inner one.
        folds: of the labels; never more than the largest class has.

    Example:
        >>> features, labels = np.eye(6)[[0, 0, 0, 0, 1, 1]], np.array([0, 0, 0, 0, 1, 1])
        >>> scaling = BalancedLoss(steps=2).scaling(features, labels, classes=2, seed=0)
        >>> bool(scaling.offsets[0] == 0), bool(scaling.offsets[1] < 0)
        (True, True)
    """

    steps: int = 20
    inner_steps: int = 60
    folds: int = 5

    def __post_init__(self) -> None:
        if self.steps < 1 or self.inner_steps < 1 or self.folds < 2:
            raise InvalidOptionError(
                f"BalancedLoss needs steps >= 1, inner_steps >= 1 and folds >= 2, got {self.steps}, "
                f"{self.inner_steps} and {self.folds}"
            )

    @property
    def powers(self) -> tuple[float, ...]:
        """What the weights of a ridge regression are chosen from."""
        return (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)

    def scaling(self, features: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> VectorScaling:
        """Learned on the labels; logit adjustment where no class has two of them."""
        frequencies = class_frequencies(labels, classes)
        tau, gamma = START
        if is_uneven(labels) and can_be_left_out(labels).any():
            tau, gamma = self._learn(LeftOut.of(features, labels, classes, self.folds, seed))
        return VectorScaling.of(frequencies, tau, gamma)

    def _learn(self, problem: LeftOut) -> tuple[float, float]:
        """The (tau, gamma) of least balanced error, by L-BFGS."""

        def value_and_slope(at: np.ndarray) -> tuple[float, np.ndarray]:
            strengths = torch.tensor(at, dtype=torch.float32, requires_grad=True)
            error = problem.error(strengths, self.inner_steps)
            (slope,) = torch.autograd.grad(error, strengths)
            return error.item(), slope.double().numpy()

        options = {"maxfun": self.steps}
        found = minimize(value_and_slope, START, jac=True, method="L-BFGS-B", bounds=BOUNDS, options=options)
        return float(found.x[0]), float(found.x[1])


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Linear heads, one for each of k folds, and the balanced error of what their folds left out.

    Attributes:
        gram: (n, n) inner products of the features, with a constant feature for the intercept.
        labels: (n,)
        logarithms: (c,) see `log_frequencies`.
        fitted: (k, n, 1), 1 where a fold fits to a label.
        weights: (k, n), of the errors of left-out labels; they sum to 1.
    """

    gram: torch.Tensor
    labels: torch.Tensor
    logarithms: torch.Tensor
    fitted: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray, classes: int, folds: int, seed: int) -> LeftOut:
        """From features (n, d) and labels (n,), two of some class at least."""
        z = features - features.mean(0)
        z = z / max(float(np.sqrt((z**2).sum(1).mean())), 1e-12)
        rows = [fit for fit, _ in stratified_folds(labels, folds, seeds.stream(seed, "balanced", "folds"))]
        fitted = np.zeros((len(rows), len(labels)))
        for fold, fit in enumerate(rows):
            fitted[fold, fit] = 1
        judged = can_be_left_out(labels)
        each = judged / np.maximum(np.bincount(labels, weights=judged)[labels], 1)  # 1 / labels of the class
        weights = (1 - fitted) * each / each.sum()
        arrays = (z @ z.T + 1, log_frequencies(class_frequencies(labels, classes)), fitted[:, :, None], weights)
        gram, logarithms, fitted_rows, left_out = (torch.from_numpy(one.astype(np.float32)) for one in arrays)
        return cls(gram, torch.from_numpy(labels), logarithms, fitted_rows, left_out)

    def error(self, strengths: torch.Tensor, steps: int) -> torch.Tensor:
        """Balanced cross-entropy of left-out labels, differentiable in strengths (tau, gamma).

        Gradient descent with momentum on the heads' dual coefficients (k, n, c), in the metric of the Gram matrix.
        """
        offsets, scales = strengths[0] * self.logarithms, (strengths[1] * self.logarithms).exp()
        one_hot = F.one_hot(self.labels, len(self.logarithms)).to(self.gram)
        share = self.fitted / self.fitted.sum(1, keepdim=True)
        rate = 1 / (0.5 * torch.linalg.eigvalsh(self.gram)[-1] * share.max() + DECAY)
        dual = torch.zeros(*self.fitted.shape[:2], len(self.logarithms), dtype=self.gram.dtype)
        velocity = torch.zeros_like(dual)
        for _ in range(steps):
            scores = self.gram @ dual  # (n, n) @ (k, n, c)
            slope = share * ((scores * scales + offsets).softmax(2) - one_hot) * scales + DECAY * dual
            velocity = MOMENTUM * velocity - rate * slope
            dual = dual + velocity
        losses = -(self.gram @ dual).log_softmax(2).gather(2, self.labels[None, :, None].expand(len(dual), -1, 1))
        return (self.weights * losses[:, :, 0]).sum()
