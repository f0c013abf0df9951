"""Entropic dual potentials by one-pass Sinkhorn sweeps, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from geosearch import seeds
from geosearch.transport.blocks import Blocks

_FLOOR = -60.0  # exponents below count as this: e^-60 vanishes in every sum and is no slow denormal number


@dataclass(frozen=True, eq=False)
class Potentials:
    """f (n,), g (p,) with plan a_i b_j exp((f_i + g_j - c_ij) / epsilon), and its marginal error.

    Attributes:
        error: summed absolute error of the column masses before the last update of g.
    """

    f: torch.Tensor
    g: torch.Tensor
    epsilon: float
    error: float


def sweep(cost: Blocks, a: torch.Tensor, b: torch.Tensor, g: torch.Tensor, epsilon: float) -> Potentials:
    """One Sinkhorn iteration, rows then columns, in one pass over the cost.

    Each block of rows is normalised exactly, so its column sums can be taken from the same exponentials:
    half the work of two half-iterations, and no n x p memory. a (n,), b (p,), g (p,) -> f (n,), g (p,).
    """
    f, mass = torch.empty_like(a), torch.zeros_like(b)
    shifted = g + epsilon * b.log()
    for rows, block, work in cost.passes():
        torch.sub(shifted, block, out=work)  # (b, p)
        top = work.amax(1)
        work.sub_(top[:, None]).mul_(1 / epsilon).clamp_(min=_FLOOR).exp_()
        total = work.sum(1)
        f[rows] = -(top + epsilon * total.log())
        mass += (a[rows] / total) @ work  # (b,) @ (b, p)
    error = float((mass - b).abs().sum())
    return Potentials(f, g + epsilon * (b / mass.clamp(min=1e-30)).log(), epsilon, error)


def spread(cost: Blocks) -> float:
    """Root mean square of the doubly centred cost: the part of it that a plan can change. Needs the whole."""
    whole = cost.whole
    assert whole is not None
    centred = whole - whole.mean(0) - whole.mean(1, keepdim=True) + whole.mean()
    return float(centred.square().mean().sqrt())


def coarse_to_fine(
    cost: Blocks,
    a: torch.Tensor,
    b: torch.Tensor,
    *,
    regularisation: float,
    sample: int = 512,
    sweeps: int = 2,
) -> Potentials:
    """Potentials good enough to tell which pairs can matter, from a few full passes.

    Epsilon is lowered on a random sample of rows and columns, the sample's potentials are extended to all
    columns by their own formula, and a few sweeps over the full cost finish.

    Args:
        cost: the full problem.
        a: (n,) positive masses.
        b: (p,) positive masses.
        regularisation: final epsilon as a share of the `spread` of the cost.
        sample: rows and columns of the coarse problem.
        sweeps: full passes at the final epsilon.
    """
    n, p = cost.shape
    i, j = (_some(size, sample, name).to(a.device) for size, name in ((n, "rows"), (p, "columns")))
    small = Blocks.of(cost.u[i], cost.v[j], keep=True)
    a_small, b_small = a[i] / a[i].sum(), b[j] / b[j].sum()
    scale = spread(small)
    epsilon = max(regularisation * scale, 1e-30)
    now = Potentials(a_small, torch.zeros_like(b_small), scale, 1.0)
    share = 1.0
    while share > regularisation * 1.01:
        share = max(share / 2, regularisation)
        for _ in range(4):
            now = sweep(small, a_small, b_small, now.g, max(share * scale, 1e-30))
    # g_j = softmin_i(c_ij - f_i) over the sampled rows
    f, rows = now.f + epsilon * a_small.log(), cost.u[i].T
    g = torch.cat([-epsilon * torch.logsumexp((f - v @ rows) / epsilon, dim=1) for v in cost.v.split(4096)])
    now = Potentials(a, g, epsilon, 1.0)
    for _ in range(max(sweeps, 1)):
        now = sweep(cost, a, b, now.g, epsilon)
    return now


def _some(size: int, sample: int, name: str) -> torch.Tensor:
    return torch.randperm(size, generator=seeds.torch_stream(0, "coarse", name, size))[:sample]
