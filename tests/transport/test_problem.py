"""The ground cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.clouds import labelled

from geosearch.errors import InvalidDataError
from geosearch.transport.problem import Problem
from geosearch.transport.solvers.blocks import Blocks, Pairs


def by_hand(problem: Problem) -> np.ndarray:
    gaps = problem.x.astype(float)[:, None] - problem.x2.astype(float)[None]
    labels = problem.table[problem.y][:, problem.y2]
    return problem.feature_weight * np.square(gaps).sum(2) + problem.label_weight * labels


def test_one_matrix_product_is_the_whole_cost():
    problem = labelled(20, 30)
    np.testing.assert_allclose(problem.cost(), by_hand(problem), rtol=1e-6, atol=1e-6)
    exact = replace(problem, x=problem.x.astype(float), x2=problem.x2.astype(float))
    np.testing.assert_allclose(exact.cost(), by_hand(problem), rtol=1e-12)


def test_float32_keeps_its_digits_far_from_the_origin():
    problem = labelled(20, 30)
    far = replace(problem, x=problem.x + 1000, x2=problem.x2 + 1000)
    np.testing.assert_allclose(far.cost(np.float32), by_hand(far), rtol=1e-4, atol=1e-3)


def test_pair_costs_are_the_entries_split_in_parts():
    problem, rows, columns = labelled(20, 30), np.array([0, 3, 19]), np.array([29, 3, 0])
    features, labels = problem.pair_costs(rows, columns)
    np.testing.assert_allclose(features + labels, by_hand(problem)[rows, columns], rtol=1e-12)
    assert labels == pytest.approx(0.7 * problem.table[problem.y[rows], problem.y2[columns]])


def test_the_embedded_problem_has_the_same_cost_when_the_vectors_realise_the_table():
    problem = labelled(20, 30)
    np.testing.assert_allclose(problem.embedded().cost(), problem.cost(), rtol=1e-5)
    lazily = replace(problem, vectors=lambda: problem.vectors)
    np.testing.assert_array_equal(lazily.embedded().x, problem.embedded().x)
    with pytest.raises(InvalidDataError, match="no label vectors"):
        replace(problem, vectors=None).embedded()


def test_an_unused_class_without_a_law_does_not_spread():
    problem = labelled(20, 30)
    table = np.vstack([problem.table, np.full((1, 4), np.nan)])
    np.testing.assert_array_equal(replace(problem, table=table).cost(), problem.cost())


@pytest.mark.parametrize("keep", [True, False])
def test_blocks_cover_the_cost_row_by_row(keep: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("geosearch.transport.solvers.blocks.BLOCK_BYTES", 7 * 30 * 4)
    monkeypatch.setattr("geosearch.transport.solvers.blocks._FRESH_ROWS", 1)
    problem = labelled(20, 30)
    cost = Blocks.of(*problem.factors(dtype=torch.float32), keep=keep)
    parts = list(cost.map(lambda rows, block, _: (rows, block.clone())))
    assert [rows.start for rows, _ in parts] == [0, 7, 14]
    np.testing.assert_allclose(torch.cat([block for _, block in parts]), by_hand(problem), rtol=1e-5, atol=1e-5)
    entries = cost.entries(Pairs(torch.tensor([0, 5]), torch.tensor([29, 2])))
    np.testing.assert_allclose(entries, by_hand(problem)[[0, 5], [29, 2]], rtol=1e-5)


def test_a_pass_gives_its_results_one_by_one():
    """To be folded as they come: a list of what 5,000 blocks found would be as large as the cost itself."""
    cost = Blocks.of(*labelled(300, 200).factors(dtype=torch.float32), keep=True)
    found = cost.map(lambda rows, block, _: block.amin(0))
    assert iter(found) is found
    least = next(found)
    for other in found:
        least = torch.minimum(least, other)
    np.testing.assert_allclose(least, cost.whole.amin(0))


def test_a_full_basis_loses_nothing_and_a_smaller_one_only_inner_products():
    problem = labelled(20, 30)
    full, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))
    for dims in (5, 2):
        basis = torch.from_numpy(full[:, :dims])
        u, v = problem.factors(dtype=torch.float64, basis=basis)
        middle = (problem.x.mean(0) + problem.x2.mean(0)) / 2
        rest = full[:, dims:] @ full[:, dims:].T
        lost = 2 * problem.feature_weight * (problem.x - middle) @ rest @ (problem.x2 - middle).T
        np.testing.assert_allclose((u @ v.T).numpy() - lost, by_hand(problem), rtol=1e-4, atol=1e-4)
