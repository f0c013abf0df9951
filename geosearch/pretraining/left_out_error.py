"""left_out_error: the leave-one-out error of a ridge head, in closed form and differentiable in the features."""

from __future__ import annotations

import torch

PENALTIES = (0.01, 0.1, 1.0, 10.0)  # in units of the mean squared norm of the centred features


def left_out_error(features: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Mean squared residual of each image under a ridge regression that is fitted to all others; a scalar.

    With K the Gram matrix of the centred features, scaled to a mean squared norm of 1, and S = K (K + p I)^-1, the
    residual of image i is (y - mean y - S y)_i / (1 - 1/n - S_ii). The penalty p is the one of `PENALTIES` with the
    least error; the derivative is that at this penalty (envelope theorem). The only image of a class is not judged,
    unless no class has two.

    Source: Dukler et al. 2022 (DIVA), eq. 13; a head solved within a training, Bertinetto et al. 2019.

    Args:
        features: (n, d), n > 1.
        labels: int64 (n,)
        classes: c

    >>> z = torch.tensor([[0.0], [0.1], [1.0], [1.1]])
    >>> alike, mixed = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    >>> bool(left_out_error(z, alike, 2) < left_out_error(z, mixed, 2))
    True
    """
    n = len(features)
    z = features - features.mean(0)
    z = z / z.square().sum(1).mean().clamp(min=1e-12).sqrt()
    y = torch.nn.functional.one_hot(labels, classes).to(z)
    several = torch.bincount(labels, minlength=classes)[labels] > 1
    judged = several if bool(several.any()) else torch.ones_like(several)
    gram, eye = z @ z.T, torch.eye(n).to(z)  # (n, n)
    errors = []
    for penalty in PENALTIES:
        smoother = torch.linalg.solve(gram + penalty * eye, gram)  # rows sum to 0
        leverage = 1 / n + smoother.diagonal()
        residuals = (y - y.mean(0) - smoother @ y) / (1 - leverage)[:, None]
        errors.append(residuals[judged].square().sum(1).mean())
    return min(errors, key=lambda error: error.item())
