"""The distance of the Gaussians: the formula, its limits, and classes of few images."""

from __future__ import annotations

import numpy as np
import pytest
from generators.clouds import class_features, cloud, normals
from scipy.linalg import sqrtm

from geosearch.transport.label_distances.exact import ExactLabels
from geosearch.transport.label_distances.gaussian import GaussianLabels

PLAIN = GaussianLabels(debiased=False)


def by_square_roots(one: np.ndarray, other: np.ndarray) -> float:
    """|mu - mu'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2), the textbook way."""
    s, s2 = np.cov(one.T, bias=True), np.cov(other.T, bias=True)
    root = sqrtm(s).real
    gap = one.mean(0) - other.mean(0)
    return float(gap @ gap + np.trace(s + s2 - 2 * sqrtm(root @ s2 @ root).real))


def test_gaussian_agrees_with_matrix_square_roots_on_full_rank_classes():
    parts = class_features((40, 30, 25))
    table = PLAIN.table(parts)
    expected = [[by_square_roots(one, other) if one is not other else 0 for other in parts] for one in parts]
    np.testing.assert_allclose(table, expected, rtol=1e-8)


def test_gaussian_in_float32_is_close_to_float64():
    parts = class_features((60, 45, 4, 1), d=20)
    single = GaussianLabels().table([part.astype(np.float32) for part in parts])
    np.testing.assert_allclose(single, GaussianLabels().table(parts), rtol=2e-6)


def test_gaussian_of_single_images_is_the_distance_of_the_images():
    x = cloud(3).astype(np.float64)
    table = GaussianLabels().table([row[None] for row in x])
    np.testing.assert_allclose(table, np.square(x[:, None] - x[None]).sum(2), atol=1e-12)


def test_gaussian_is_the_exact_distance_of_a_linear_map():
    x = cloud(80).astype(np.float64)
    image = x @ np.diag([0.5, 1, 1.5, 2, 0.1]) + 1
    expected = np.square(image - x).sum(1).mean()
    for labels in (PLAIN, ExactLabels()):
        assert labels.table([x], [image])[0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sizes", [(30, 50, 8), (4, 5, 3)])
def test_truncation_stays_within_its_bound_and_falls_with_the_rank(sizes: tuple[int, ...]):
    parts = class_features(sizes, d=12)
    exact, before = GaussianLabels().table(parts), np.inf
    for rank in (1, 2, 4, 8):
        found = GaussianLabels(rank=rank).bounded_table(parts)
        assert (np.abs(found.table - exact) <= found.error_bound + 1e-9).all()
        assert found.error_bound.max() <= before + 1e-9
        before = found.error_bound.max()
    assert GaussianLabels(rank=12).bounded_table(parts).error_bound.max() == 0


@pytest.mark.parametrize("count", [10, 38, 150])
def test_few_images_give_the_distance_of_many(count: int):
    """Half of the error at least is gone in the mean of forty draws, and in the root of the mean square too."""
    errors = []
    for seed in range(40):
        one, other, known = normals(count, seed=seed)
        errors.append([labels.table([one], [other])[0, 0] / known - 1 for labels in (PLAIN, GaussianLabels())])
    plain, debiased = np.array(errors).T
    assert plain.mean() > 0.05
    assert abs(debiased.mean()) < 0.5 * plain.mean()
    assert np.sqrt(np.square(debiased).mean()) < 0.8 * np.sqrt(np.square(plain).mean())


def test_the_order_of_the_rows_does_not_matter():
    one, other, _ = normals(20, seed=0)
    shuffled = np.random.default_rng(1).permutation(one)
    np.testing.assert_allclose(GaussianLabels().table([shuffled], [other]), GaussianLabels().table([one], [other]))
    assert GaussianLabels().table([shuffled], [one])[0, 0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("count", [10, 38, 150])
def test_halves_of_one_class_of_digits_are_near_and_classes_as_far_as_with_many_images(real_data, count: int):
    with np.load(real_data / "mnist.npz") as file:
        x, y = file["train_images"], file["train_labels"]
    groups = [x[y == label].reshape(-1, x[0].size) / np.float32(255) for label in range(4)]
    many = GaussianLabels().table([group[:1000] for group in groups])
    apart = ~np.eye(4, dtype=bool)
    same, between = {}, {}
    for labels in (PLAIN, GaussianLabels()):
        table = labels.table([g[:count] for g in groups], [g[count : 2 * count] for g in groups])
        same[labels], between[labels] = np.diag(table).mean(), table[apart].mean()
    assert same[GaussianLabels()] < 0.75 * same[PLAIN]
    truth = many[apart].mean()
    assert abs(between[GaussianLabels()] - truth) < 0.8 * abs(between[PLAIN] - truth)
