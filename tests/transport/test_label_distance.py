"""Label tables: the formula, its limits, and classes that hardly exist."""

from __future__ import annotations

import numpy as np
import pytest
from generators.clouds import cloud
from scipy.linalg import sqrtm

from geosearch.errors import InvalidOptionError, TooLargeError
from geosearch.transport.label_distance import ExactLabels, GaussianLabels, LabelDistance, MeanLabels

PLAIN = GaussianLabels(debiased=False)
ALL: list[LabelDistance] = [MeanLabels(), GaussianLabels(), PLAIN, GaussianLabels(rank=2), ExactLabels()]


def groups(sizes: tuple[int, ...], d: int = 6, *, dtype: type = np.float64, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)).astype(dtype) for n in sizes]


def by_square_roots(one: np.ndarray, other: np.ndarray) -> float:
    """|mu - mu'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2), the textbook way."""
    s, s2 = np.cov(one.T, bias=True), np.cov(other.T, bias=True)
    root = sqrtm(s).real
    gap = one.mean(0) - other.mean(0)
    return float(gap @ gap + np.trace(s + s2 - 2 * sqrtm(root @ s2 @ root).real))


def test_gaussian_agrees_with_matrix_square_roots_on_full_rank_classes():
    parts = groups((40, 30, 25))
    table = PLAIN.table(parts)
    expected = [[by_square_roots(one, other) if one is not other else 0 for other in parts] for one in parts]
    np.testing.assert_allclose(table, expected, rtol=1e-8)


def test_gaussian_in_float32_is_close_to_float64():
    parts = groups((60, 45, 4, 1), d=20)
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
    parts = groups(sizes, d=12)
    exact, before = GaussianLabels().table(parts), np.inf
    for rank in (1, 2, 4, 8):
        found = GaussianLabels(rank=rank).bounded_table(parts)
        assert (np.abs(found.table - exact) <= found.error_bound + 1e-9).all()
        assert found.error_bound.max() <= before + 1e-9
        before = found.error_bound.max()
    assert GaussianLabels(rank=12).bounded_table(parts).error_bound.max() == 0


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_tables_are_symmetric_with_a_zero_diagonal(labels: LabelDistance):
    table = labels.table(groups((12, 9, 1, 20)))
    np.testing.assert_array_equal(table, table.T)
    assert not np.diag(table).any()
    assert (table[~np.eye(4, dtype=bool)] > 0).all()


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_the_cross_table_is_a_corner_of_the_joint_one(labels: LabelDistance):
    parts, others = groups((12, 9)), groups((8, 20, 5), seed=1)
    joint = labels.table(parts + others)
    np.testing.assert_allclose(labels.table(parts, others), joint[:2, 2:], rtol=1e-9)


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_a_class_against_itself_in_another_set_is_at_zero(labels: LabelDistance):
    parts = groups((12, 9), dtype=np.float32)
    assert not np.diag(labels.table(parts, parts)).any()


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_empty_classes_are_nan_and_nothing_else_is(labels: LabelDistance):
    parts = groups((12, 9, 7))
    table = labels.table([parts[0], parts[1][:0], parts[2]])
    assert np.isnan(table[1]).all()
    assert np.isnan(table[:, 1]).all()
    np.testing.assert_allclose(table[np.ix_([0, 2], [0, 2])], labels.table([parts[0], parts[2]]))


def test_exact_takes_at_most_so_many_rows_of_a_class():
    parts = groups((40, 40))
    thinned = [part[np.linspace(0, 39, 10).astype(int)] for part in parts]
    np.testing.assert_allclose(ExactLabels(max_per_class=10).table(parts), ExactLabels().table(thinned))


def test_means_are_blind_to_spread_and_below_gaussian_below_exact():
    parts = groups((30, 30))
    choices = (MeanLabels(debiased=False), PLAIN, ExactLabels())
    means, gaussian, exact = (labels.table(parts)[0, 1] for labels in choices)
    assert means < gaussian < exact


def test_options_out_of_range_are_refused():
    for wrong in (lambda: GaussianLabels(rank=0), lambda: ExactLabels(max_per_class=0)):
        with pytest.raises(InvalidOptionError, match="at least 1"):
            wrong()


def normals(count: int, d: int = 30, *, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Samples of two normal distributions with commuting covariances, whose W2 is known."""
    rng = np.random.default_rng(seed)
    scales, gap = np.geomspace(2, 0.1, d), rng.normal(size=d) * 0.5
    one, other = (rng.normal(size=(count, d)) * scale for scale in (scales, 0.7 * scales))
    return one, other + gap, float(gap @ gap + np.square(0.3 * scales).sum())


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


def test_the_mean_of_few_images_has_no_bias():
    found = []
    for seed in range(100):
        one, other, _ = normals(10, seed=seed)
        found.append([labels.table([one], [other])[0, 0] for labels in (MeanLabels(debiased=False), MeanLabels())])
    gaps = [np.square(np.random.default_rng(seed).normal(size=30) * 0.5).sum() for seed in range(100)]
    plain, debiased = np.mean(found, axis=0) / np.mean(gaps) - 1
    assert plain > 0.2
    assert abs(debiased) < 0.1


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


@pytest.mark.parametrize("labels", [MeanLabels(), GaussianLabels(), GaussianLabels(rank=5), ExactLabels()], ids=repr)
def test_a_table_that_does_not_fit_is_refused_with_a_way_out(labels: LabelDistance, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOSEARCH_MEMORY_GIB", "0.001")
    parts = [np.zeros((4, 400), np.float32)] * 300
    with pytest.raises(TooLargeError, match=r"300 x 300 classes.* needs about .*; lower domain.samples"):
        labels.table(parts)
