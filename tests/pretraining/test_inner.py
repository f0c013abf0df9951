"""Heads inside episodes: each against a known answer, and their gradients against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from geosearch.errors import InvalidOptionError
from geosearch.pretraining.episodic import query_scores
from geosearch.pretraining.inner import DescentInner, RidgeInner, SVMInner, project_to_simplex

INNERS = [RidgeInner(), SVMInner(), DescentInner()]


def episode(n=6, d=4, c=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(2 * n, d, generator=generator, dtype=torch.float64)
    labels = torch.arange(2 * n) % c
    return z + 2 * torch.eye(d, dtype=torch.float64)[labels], F.one_hot(labels, c).double()


@pytest.mark.parametrize("inner", INNERS, ids=lambda one: type(one).__name__)
def test_gradients_are_those_of_finite_differences(inner):
    z, y = episode()
    strength = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z, s: query_scores(z, y, 6, inner, s), (z.requires_grad_(), strength))


@pytest.mark.parametrize("inner", INNERS, ids=lambda one: type(one).__name__)
def test_permuting_the_support_changes_no_score(inner):
    z, y = episode()
    order = torch.cat([torch.randperm(6, generator=torch.Generator().manual_seed(1)), torch.arange(6, 12)])
    strength = torch.tensor(0.3, dtype=torch.float64)
    torch.testing.assert_close(*(query_scores(z[o], y[o], 6, inner, strength) for o in (order, torch.arange(12))))


def test_ridge_is_the_primal_ridge_regression():
    z, y = episode()
    a = RidgeInner().dual(z @ z.T, y, torch.tensor(0.2, dtype=torch.float64))
    primal = torch.linalg.solve(z.T @ z + 0.2 * len(z) * torch.eye(4, dtype=torch.float64), z.T @ y)
    torch.testing.assert_close(z.T @ a, primal)


def test_the_machine_keeps_its_constraints_and_no_feasible_step_is_better():
    z, y = episode()
    gram, bound = z @ z.T, torch.tensor(0.1, dtype=torch.float64)
    a = SVMInner(steps=2000).dual(gram, y, bound)
    torch.testing.assert_close(a.sum(1), torch.zeros(12, dtype=torch.float64))
    assert (a <= bound * y + 1e-9).all()

    def value(a):
        return float((a * (gram @ a)).sum() / 2 - (a * y).sum())

    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        other = a + 0.05 * torch.randn(a.shape, generator=generator, dtype=torch.float64)
        feasible = bound * y - project_to_simplex(bound * y - other, bound)
        assert value(a) <= value(feasible) + 1e-9
    near = SVMInner().dual(gram, y, bound)
    assert value(near) <= value(a) + 0.02 * abs(value(a))  # the few steps of a training


def test_descent_is_that_of_the_weights():
    z, y = episode()
    weight = torch.zeros(4, 3, dtype=torch.float64)
    for _ in range(10):
        weight = weight - 0.5 / 12 * z.T @ ((z @ weight).softmax(1) - y)
    torch.testing.assert_close(z.T @ DescentInner().dual(z @ z.T, y, torch.tensor(0.5, dtype=torch.float64)), weight)


def test_the_projection_leaves_what_is_on_the_simplex_and_is_idempotent():
    rows = torch.tensor([[0.2, 0.3, 0.5], [2.0, -1.0, 0.0]])
    once = project_to_simplex(rows, torch.tensor(1.0))
    torch.testing.assert_close(once[0], rows[0])
    torch.testing.assert_close(project_to_simplex(once, torch.tensor(1.0)), once)
    torch.testing.assert_close(once.sum(1), torch.ones(2))


@pytest.mark.parametrize("kind", [SVMInner, DescentInner])
def test_no_steps_are_refused(kind):
    with pytest.raises(InvalidOptionError, match="steps"):
        kind(steps=0)
