"""The front of error and price, and samplers that walk along it."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from generators.studies import tiny, tiny_file
from hypothesis import given
from hypothesis import strategies as st

from geosearch.config.read import parse_study
from geosearch.errors import InvalidOptionError
from geosearch.mixture.hull import Hull
from geosearch.report.status import status_text
from geosearch.search.pareto import front, scalarize
from geosearch.search.samplers.prior import Prior
from geosearch.search.samplers.registry import build_sampler
from geosearch.search.space import Space
from geosearch.study.study import Study

optuna.logging.set_verbosity(optuna.logging.ERROR)
pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20)


@given(pairs)
def test_the_front_is_what_none_beats(values):
    errors, prices = zip(*values, strict=True)
    kept = front(range(len(values)), errors, prices)
    for i in range(len(values)):
        beaten = any(
            errors[k] <= errors[i] and prices[k] <= prices[i] and (errors[k], prices[k]) != (errors[i], prices[i])
            for k in range(len(values))
        )
        twin = any((errors[k], prices[k]) == (errors[i], prices[i]) for k in kept)
        assert twin == (not beaten)
    assert [prices[i] for i in kept] == sorted({prices[i] for i in kept})


def test_a_scalarised_error_never_prefers_what_is_beaten():
    rng = np.random.default_rng(0)
    errors, prices = np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 1.0])
    for _ in range(50):
        found = scalarize(errors, prices, rng)
        assert found[1] < found[2]


def test_half_of_the_draws_look_at_the_error_alone():
    rng = np.random.default_rng(1)
    errors, prices = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    alone = sum(scalarize(errors, prices, rng) is errors for _ in range(400))
    assert 160 < alone < 240


@pytest.mark.parametrize("name", ["hull", "regression", "cmaes"])
def test_with_prices_a_sampler_looks_for_cheaper_mixtures_too(name):
    m = 3
    hull = Hull(np.diag([1.0, 2.0, 3.0]), np.diag([1.0, 2.0, 3.0]) + 0.1)

    def looked(prices: tuple[float, ...] | None) -> float:
        """Share of late proposals that take the cheap source above all, though it is the worst."""
        space, cheap = Space(m, prices=prices), []
        study = optuna.create_study()
        for number in range(24):
            study.sampler = build_sampler(name, number, Prior(space, hull))
            trial = study.ask()
            point = space.suggest(trial)
            study.tell(trial, hull.distance(point))
            cheap.append(point.array[2] > 0.5)
        return float(np.mean(cheap[8:]))

    assert looked((10.0, 10.0, 0.0)) > looked(None)


def test_a_study_shows_its_front(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prices = {"npz:" + str(tmp_path / "near.npz"): 2.0}
    study = Study.open(tiny_file(tmp_path, price_sources=prices))
    study.run()
    found = study.status()["front"]
    assert [one["price"] for one in found] == sorted(one["price"] for one in found)
    assert found[-1]["error"] == min(trial.error for trial in study.trials if trial.error is not None)
    assert f"front     trial {found[0]['trial']} (error" in status_text(study.summary())
    assert "Error and price" in study.report().read_text()


def test_wrong_prices_are_refused(tmp_path):
    for prices, message in [({"digits": 1.0}, "price names"), ({"digits": -1.0}, "from 0 upwards")]:
        with pytest.raises(InvalidOptionError, match=message):
            parse_study({**tiny(tmp_path), "price": {"sources": prices}})
