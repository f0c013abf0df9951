"""Which baselines a study trains and confirms: a third of its budget at most, however many sources it has."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.mixture.baselines import (
    CLOUD,
    FEWEST,
    MIXUP,
    POOLED,
    PROJECTION,
    SINGLE,
    UNIFORM,
    baseline_weights,
    choose_baselines,
    choose_confirmed,
    count_baselines,
    count_confirmed,
)
from geosearch.mixture.hull import Hull

FORTY = [f"s{i}" for i in range(40)]


def every(m):
    hull = Hull(np.diag(np.arange(1.0, m + 1)), np.eye(m))
    return baseline_weights(FORTY[:m], [100] * m, hull)


@pytest.mark.parametrize("sources", [2, 4, 8, 40, 200])
@pytest.mark.parametrize("evaluations", [12, 13, 24, 45, 100])
def test_baselines_take_at_most_a_third_of_the_budget(sources, evaluations):
    count = count_baselines(evaluations, sources)
    assert FEWEST <= count <= evaluations / 3
    assert len(choose_baselines(FORTY[:sources], range(min(sources, 40)), count)) <= count


def test_what_needs_no_search_comes_first_and_then_the_nearest_sources():
    distances = np.random.default_rng(0).permutation(40)
    chosen = choose_baselines(FORTY, distances, 8)
    assert chosen == (POOLED, PROJECTION, CLOUD, *(f"{SINGLE}s{i}" for i in np.argsort(distances)[:5]))


def test_a_study_of_few_sources_trains_all_of_them_as_far_as_the_third_goes():
    assert sorted(choose_baselines(FORTY[:4], [0, 1, 2, 3], count_baselines(30, 4))) == sorted(every(4))
    assert set(every(4)) - set(choose_baselines(FORTY[:4], [0, 1, 2, 3], count_baselines(24, 4))) == {MIXUP}


def test_every_name_that_is_chosen_is_that_of_a_baseline():
    assert set(choose_baselines(FORTY, [0] * 40, 99)) == set(every(40))


def test_the_confirmation_has_the_single_sources_that_were_best_in_the_search():
    baselines = {role: every(40)[role] for role in choose_baselines(FORTY, range(40), 15)}
    single = [role for role in baselines if role.startswith(SINGLE)]
    errors = {weights: -float(i) for i, weights in enumerate(baselines.values())}  # the later, the better
    confirmed = choose_confirmed(baselines, errors, 40)
    assert list(confirmed) == [POOLED, PROJECTION, CLOUD, single[-1]]
    assert list(choose_confirmed(baselines, {}, 40)) == [POOLED, PROJECTION, CLOUD, single[0]]
    assert UNIFORM in choose_confirmed(every(40), {}, 40)
    assert choose_confirmed(every(4), {}, 4) == every(4)


@pytest.mark.parametrize("sources", [2, 4, 5, 8, 40])
@pytest.mark.parametrize("evaluations", [0, 6, 12, 24, 45, 200])
def test_the_number_of_baselines_of_a_confirmation_is_known_before(sources, evaluations):
    roles = choose_baselines(FORTY[:sources], range(sources), count_baselines(evaluations, sources))
    baselines = {role: every(sources)[role] for role in roles}
    assert len(choose_confirmed(baselines, {}, sources)) == count_confirmed(evaluations, sources)
