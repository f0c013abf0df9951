"""Entropic dual potentials by one-pass Sinkhorn sweeps, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from geosearch import seeds
from geosearch.transport.solvers.blocks import Blocks

_COARSE = 0.06  # final epsilon, relative to `cost_scale`
_FLOOR = -60.0  # exponents below count as this: e^-60 vanishes in every sum and is no slow denormal number


@dataclass(frozen=True, eq=False)
class Potentials:
    """f (n,), g (p,) with plan a_i b_j exp((f_i + g_j - c_ij) / epsilon).

    Attributes:
        error: summed absolute error of the column masses; after a `sweep`, those before g was updated.
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
    f, shifted = torch.empty_like(a), g + epsilon * b.log()

    def step(rows: slice, block: torch.Tensor, work: torch.Tensor) -> torch.Tensor:
        top = torch.sub(shifted, block, out=work).amax(1)  # (b, p) -> (b,)
        work.sub_(top[:, None]).mul_(1 / epsilon).clamp_(min=_FLOOR).exp_()
        total = work.sum(1)
        f[rows] = -(top + epsilon * total.log())
        return (a[rows] / total) @ work  # (b,) @ (b, p)

    mass = torch.zeros_like(g, dtype=torch.float64)
    for part in cost.map(step):
        mass += part
    mass = mass.to(g.dtype)
    error = float((mass - b).abs().sum())
    return Potentials(f, g + epsilon * (b / mass.clamp(min=1e-30)).log(), epsilon, error)


def cost_scale(cost: Blocks) -> float:
    """Root mean square of the cost after centring its rows and columns: the part of it that a plan can change.

    At least 2e-5 of the root mean square before, which is about what float32 makes of costs that are all equal.
    """
    n, p = cost.shape

    def step(_: slice, block: torch.Tensor, work: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        square = torch.mul(block, block, out=work).sum(1).double().sum()
        return square, block.sum(1).double().square().sum(), block.sum(0).double()

    square, across, down = (cost.u.new_zeros(size, dtype=torch.float64) for size in ((), (), p))
    for of_squares, of_rows, of_columns in cost.map(step):
        square, across, down = square + of_squares, across + of_rows, down + of_columns
    mean = down.sum() / (n * p)
    centred = square / (n * p) - across / (n * p * p) - down.square().sum() / (n * n * p) + mean * mean
    return float(torch.maximum(centred.clamp(min=0).sqrt(), 2e-5 * (square / (n * p)).sqrt()))


def coarse_to_fine(
    cost: Blocks,
    a: torch.Tensor,
    b: torch.Tensor,
    *,
    start: torch.Tensor | None = None,
    epsilon: float | None = None,
    scale: float = float("inf"),
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
        start: (p,) potentials of the columns, which spare the coarse problem.
        epsilon: final regularization; a small share of the sample's `cost_scale` if None.
        scale: mean cost of some plan, if that is less than `cost_scale`, as it is for clusters far apart.
        sample: rows and columns of the coarse problem.
        sweeps: full passes at the final epsilon, at least one.
    """
    n, p = cost.shape
    i, j = (_some(size, sample, name).to(a.device) for size, name in ((n, "rows"), (p, "columns")))
    small = Blocks.of(cost.u[i], cost.v[j], keep=True)
    step = max(cost_scale(small), 1e-30)
    epsilon = max(epsilon or _COARSE * max(min(step, scale), 1e-9 * step), 1e-30)
    g = start
    if g is None:
        f = _lowered(small, a[i] / a[i].sum(), b[j] / b[j].sum(), step, epsilon)
        across = Blocks.of(cost.v, cost.u[i], keep=False)  # g_j = softmin_i(c_ij - f_i) over the sampled rows
        g = torch.cat(list(across.map(lambda _, block, work: _softmin(torch.sub(block, f, out=work), epsilon))))
    for _ in range(max(sweeps, 1)):
        now = sweep(cost, a, b, g, epsilon)
        g = now.g
    return now


def iterate_to_convergence(
    cost: Blocks,
    a: torch.Tensor,
    b: torch.Tensor,
    g: torch.Tensor,
    epsilon: float,
    *,
    tolerance: float,
    max_sweeps: int,
) -> Potentials:
    """Sweep until the column masses are right to `tolerance`; the rows are then exact.

    Steps are lengthened by half while that helps. Source: Thibault et al. 2017 (overrelaxed Sinkhorn-Knopp).
    """
    before = float("inf")
    for _ in range(max_sweeps):
        after = sweep(cost, a, b, g, epsilon)
        fitting = Potentials(after.f, g, epsilon, after.error)
        if after.error <= tolerance:
            break
        g = g + (1.5 if after.error < before else 1.0) * (after.g - g)
        before = after.error
    return fitting


def _softmin(reduced: torch.Tensor, epsilon: float) -> torch.Tensor:
    """(b, k) -> (b,)"""
    return -epsilon * torch.logsumexp(reduced.mul_(-1 / epsilon), dim=1)


def _lowered(cost: Blocks, a: torch.Tensor, b: torch.Tensor, step: float, epsilon: float) -> torch.Tensor:
    """Row potentials (n,), log masses included, after halving `step` down to `epsilon`, four sweeps each."""
    now = Potentials(a, torch.zeros_like(b), step, 1.0)
    while step > epsilon * 1.01:
        step = max(step / 2, epsilon)
        for _ in range(4):
            now = sweep(cost, a, b, now.g, step)
    return now.f + epsilon * a.log()


def _some(size: int, sample: int, name: str) -> torch.Tensor:
    return torch.randperm(size, generator=seeds.torch_stream(0, "coarse", name, size))[:sample]
