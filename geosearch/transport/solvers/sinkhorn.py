"""Sinkhorn: the entropic plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse

from geosearch.errors import InvalidOptionError
from geosearch.runtime import memory
from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem, linear_bytes
from geosearch.transport.solvers.base import SOLVERS
from geosearch.transport.solvers.blocks import Blocks
from geosearch.transport.solvers.certificate import certify
from geosearch.transport.solvers.potentials import Potentials, coarse_to_fine, cost_scale, iterate_to_convergence
from geosearch.transport.solvers.pricing import double_c_transform, northwest_corner


@SOLVERS.register("sinkhorn", "entropic, blurs")
@dataclass(frozen=True)
class Sinkhorn:
    """The entropic plan, with epsilon scaling; smooth potentials, a blurred map.

    Attributes:
        regularization: epsilon as a fraction of the root mean square of the cost after centering its rows and columns.
        max_iterations: sweeps over the full cost.
        tolerance: total marginal error at convergence.
        debiased: also compute the Sinkhorn divergence, which is zero between equal sets. With labels it
            needs label vectors. Source: Feydy et al. 2019.
        cutoff: entries below this fraction of the largest of their row are dropped from the coupling.
        device: device of the computation.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import Sinkhorn, Problem, solve
        >>> rng = np.random.default_rng(0)
        >>> problem = Problem.plain(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
        >>> plan = solve(problem, Sinkhorn(regularization=0.2))
        >>> plan.converged
        True
    """

    regularization: float = 0.05
    max_iterations: int = 500
    tolerance: float = 1e-3
    debiased: bool = False
    cutoff: float = 1e-4
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not self.regularization > 0 or self.max_iterations < 1:
            raise InvalidOptionError(
                f"Sinkhorn needs regularization > 0 and max_iterations >= 1, got {self.regularization} and "
                f"{self.max_iterations}; for the unregularised plan use Exact()"
            )

    def run(self, problem: Problem, start: np.ndarray | None = None) -> Plan:
        n, p = problem.shape
        largest = max(n, p) ** 2 if self.debiased else n * p
        memory.require(
            4 * largest + linear_bytes(problem, 64),
            f"a Sinkhorn plan between {n} and {p} points",
            "use samples=, or the solver Tiled() or Minibatch()",
            device=self.device,
        )
        cost, a, b = self._setting(problem)
        epsilon = self.regularization * cost_scale(cost) or 1e-6  # for a cost of zero
        if not epsilon > _rounding(problem, cost):  # also where float32 overflows
            del cost
            memory.require(
                8 * largest + linear_bytes(problem, 64),
                f"a Sinkhorn plan between {n} and {p} points in float64, for epsilon is below float32's rounding",
                "raise regularization or remove outliers",
                device=self.device,
            )
            cost, a, b = self._setting(problem, torch.float64)
            epsilon = self.regularization * cost_scale(cost) or 1e-6
        found = self._potentials(cost, a, b, epsilon, start)
        certificate = certify(problem, double_c_transform(cost, found.g)[0].g.double().cpu().numpy(), cost)
        coupling = _rounded(self._entries(cost, a, b, found), *problem.masses)
        dtype = cost.u.dtype
        del cost
        converged = found.error <= self.tolerance
        message = f"entropic, epsilon {epsilon:.3g}, marginal error {found.error:.1e} before rounding" + (
            "" if converged else f", asked {self.tolerance:.0e}; raise regularization or max_iterations"
        )
        return Plan.of(
            problem,
            coupling,
            converged=converged,
            message=message,
            potentials=(found.f.cpu().double().numpy(), found.g.cpu().double().numpy()),
            epsilon=epsilon,
            lower_bound=certificate.value,
            divergence=self._divergence(problem, epsilon, dtype) if self.debiased else None,
        )

    def _setting(
        self, problem: Problem, dtype: torch.dtype = torch.float32
    ) -> tuple[Blocks, torch.Tensor, torch.Tensor]:
        u, v = problem.factors(dtype=dtype, device=self.device)
        cost = Blocks.of(u, v, keep=True)
        a, b = (cost.to_tensor(mass) for mass in problem.masses)
        return cost, a, b

    def _potentials(
        self, cost: Blocks, a: torch.Tensor, b: torch.Tensor, epsilon: float, start: np.ndarray | None = None
    ) -> Potentials:
        warm = None if start is None else cost.to_tensor(start)
        g = coarse_to_fine(cost, a, b, start=warm, epsilon=epsilon, sweeps=1).g
        return iterate_to_convergence(cost, a, b, g, epsilon, tolerance=self.tolerance, max_sweeps=self.max_iterations)

    def _divergence(self, problem: Problem, epsilon: float, dtype: torch.dtype) -> float:
        """OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2, each by its dual value; in z if there are labels."""
        plain = problem if problem.table is None else problem.embedded()
        one, other = (plain.x, plain.y, plain.masses[0]), (plain.x2, plain.y2, plain.masses[1])
        values = []
        for (x, y, a), (x2, y2, b) in ((one, other), (one, one), (other, other)):
            pair = replace(plain, x=x, y=y, x2=x2, y2=y2, a=a, b=b, table=None)
            cost, left, right = self._setting(pair, dtype)
            found = self._potentials(cost, left, right, epsilon)
            values.append(float(left.double() @ found.f.double() + right.double() @ found.g.double()))
            del cost
        return values[0] - (values[1] + values[2]) / 2

    def _entries(self, cost: Blocks, a: torch.Tensor, b: torch.Tensor, found: Potentials) -> sparse.csr_array:
        """The plan a_i b_j exp((f_i + g_j - c_ij) / epsilon), small entries left out; counted before they are kept."""
        shifted = found.g + found.epsilon * b.log()

        def density(block: torch.Tensor, work: torch.Tensor) -> torch.Tensor:
            top = torch.sub(shifted, block, out=work).amax(1)
            return work.sub_(top[:, None]).mul_(1 / found.epsilon).exp_()

        def step(rows: slice, block: torch.Tensor, work: torch.Tensor) -> tuple[torch.Tensor, ...]:
            share = density(block, work)
            i, j = (share > self.cutoff).nonzero(as_tuple=True)
            mass = share[i, j]
            total = torch.zeros(len(share), dtype=mass.dtype, device=mass.device).index_add_(0, i, mass)
            return i + rows.start, j, mass / total[i] * a[rows][i]

        count = sum(cost.map(lambda _, block, work: int((density(block, work) > self.cutoff).sum())))
        memory.require(100 * count, f"a coupling of {count} pairs", "raise cutoff or lower regularization")
        i, j, mass = (torch.cat(part).cpu() for part in zip(*cost.map(step), strict=True))
        return sparse.csr_array((mass.double().numpy(), (i.numpy(), j.numpy())), shape=cost.shape)


def _rounding(problem: Problem, cost: Blocks) -> float:
    """Size of rounding errors in the costs, squared feature units: that of the largest squared norms."""
    d = problem.x.shape[1]
    return 4 * torch.finfo(cost.u.dtype).eps * float(cost.u[:, d].max() + cost.v[:, d + 1].max())


def _rounded(coupling: sparse.csr_array, a: np.ndarray, b: np.ndarray) -> sparse.csr_array:
    """A nearby coupling with exactly the marginals a, b: scale down what is too much, then fill what is missing.

    Source: Altschuler, Weed & Rigollet 2017, alg. 2; the missing mass is filled by the north-west corner plan, which
    is sparse.
    """
    for axis, mass in ((1, a), (0, b)):
        have = np.asarray(coupling.sum(axis=axis)).ravel()
        shrink = sparse.diags_array(np.minimum(1, mass / np.maximum(have, 1e-300)))
        coupling = shrink @ coupling if axis else coupling @ shrink
    missing = np.maximum(a - np.asarray(coupling.sum(axis=1)).ravel(), 0)
    lacking = np.maximum(b - np.asarray(coupling.sum(axis=0)).ravel(), 0)
    if missing.sum() < 1e-15:
        return sparse.csr_array(coupling)
    rows, columns, masses = northwest_corner(missing, lacking * (missing.sum() / max(lacking.sum(), 1e-300)))
    return sparse.csr_array(coupling + sparse.csr_array((masses, (rows, columns)), shape=coupling.shape))
