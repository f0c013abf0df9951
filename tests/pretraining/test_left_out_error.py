"""The differentiable leave-one-out error: equal to the one of the ridge head, and to its own finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geosearch.adaptation.ridge import leave_one_out, one_hot, unit_scale
from geosearch.pretraining.left_out_error import PENALTIES, left_out_error

LABELS = np.repeat([0, 1, 2], [6, 5, 1])
FEATURES = np.random.default_rng(0).normal(size=(12, 4)) + np.eye(4)[LABELS]


def test_it_is_the_error_of_the_ridge_head() -> None:
    scaled, judged = FEATURES * unit_scale(FEATURES), LABELS < 2
    ridge = [leave_one_out(scaled, one_hot(LABELS, 3), one, rows=judged).squared_error for one in PENALTIES]
    found = left_out_error(torch.from_numpy(7 * FEATURES), torch.from_numpy(LABELS), 3)
    assert float(found) == pytest.approx(min(ridge))


def test_its_derivative_is_that_of_finite_differences() -> None:
    z = torch.from_numpy(FEATURES).requires_grad_()
    labels = torch.from_numpy(LABELS)
    assert torch.autograd.gradcheck(lambda some: left_out_error(some, labels, 3), z)


def test_single_images_are_judged_where_no_class_has_two() -> None:
    found = left_out_error(torch.eye(3), torch.arange(3), 3)
    assert torch.isfinite(found)
    assert found > 0
