"""The race: who wins, who drops out, what it costs, and that luck is shrunk."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.search.racing import posterior, race


class Track:
    """Runs with known expected errors and noise; remembers what was run."""

    def __init__(self, means: list[float], noise: float, seed: int = 0) -> None:
        self.means, self.noise, self.seed = means, noise, seed
        self.calls: list[tuple[int, int]] = []

    def __call__(self, calls):
        self.calls += calls
        return [self.means[i] + self.noise * np.random.default_rng([self.seed, i, r]).normal() for i, r in calls]


def test_clear_losers_run_twice_and_the_leaders_get_what_that_saves():
    track = Track([0.30, 0.31, 0.6, 0.7, 0.8], 0.02)
    standings = race(track, 5, 4)
    assert [one.runs for one in standings[2:]] == [2, 2, 2]
    assert standings[0].runs + standings[1].runs > 8
    assert len(track.calls) <= 20
    assert len(set(track.calls)) == len(track.calls)


def test_without_a_rival_the_race_ends_early():
    track = Track([0.1, 0.6, 0.7], 0.01)
    race(track, 3, 10)
    assert len(track.calls) == 6


def test_the_best_of_equals_is_found_more_often_than_by_the_luckiest_single_run():
    """Two good ones, four slightly worse: compare with picking the least of one run each."""
    means, noise = [0.30, 0.30, 0.34, 0.34, 0.34, 0.34], 0.04
    raced = [int(np.argmin([s.error for s in race(Track(means, noise, seed), 6, 4)])) for seed in range(60)]
    lucky = [int(np.argmin(Track(means, noise, seed)([(i, 0) for i in range(6)]))) for seed in range(60)]
    assert np.mean(np.array(raced) < 2) > np.mean(np.array(lucky) < 2) + 0.1


def test_one_lucky_run_is_shrunk_below_several_good_ones():
    standings = posterior([[0.20], [0.24, 0.25, 0.26, 0.25, 0.24, 0.26], [0.5, 0.4], [0.45, 0.55]])
    assert standings[0].error > 0.2
    assert standings[0].deviation > standings[1].deviation


def test_posterior_means_are_shrunk_by_the_share_of_noise_in_their_spread():
    rng = np.random.default_rng(0)
    truth = rng.normal(0.4, 0.05, 400)
    values = [list(mean + 0.05 * rng.normal(size=2)) for mean in truth]
    found = np.array([one.error for one in posterior(values)])
    raw = np.array([np.mean(own) for own in values])
    assert ((found - truth) ** 2).mean() < 0.85 * ((raw - truth) ** 2).mean()
    assert np.mean([one.deviation for one in posterior(values)]) == pytest.approx((found - truth).std(), rel=0.15)


def test_failed_runs_count_as_tried_and_a_finalist_that_never_ran_has_no_error():
    standings = race(lambda calls: [None if i == 1 else 0.3 + 0.1 * i for i, _ in calls], 3, 3)
    assert standings[1].runs == 0
    assert np.isnan(standings[1].error)
    assert standings[0].error < standings[2].error


def test_one_repeat_is_one_run_each_and_says_nothing_of_the_noise():
    track = Track([0.3, 0.2], 0.01)
    standings = race(track, 2, 1)
    assert sorted(track.calls) == [(0, 0), (1, 0)]
    assert np.isnan(standings[0].deviation)


def test_no_race_spends_more_than_its_budget():
    for seed in range(20):
        means = list(np.random.default_rng(seed).normal(0.4, 0.05, 4))
        track = Track(means, 0.02, seed)
        standings = race(track, 4, 3)
        assert len(track.calls) == len(set(track.calls)) <= 12
        assert sum(one.runs for one in standings) == len(track.calls)


def test_a_race_finds_a_better_one_than_the_short_recipe_alone():
    """Mean distance of the winner from the best of 24, whose short errors correlate with the long ones by 0.9."""
    found = []
    for seed in range(80):
        rng = np.random.default_rng([seed, 7])
        truth = rng.normal(size=24)
        truth = truth[np.argsort(0.9 * truth + np.sqrt(0.19) * rng.normal(size=24))]
        standings = race(Track(list(truth[:5]), 0.3, seed), 5, 3)
        found.append((truth[0] - truth.min(), truth[int(np.argmin([one.error for one in standings]))] - truth.min()))
    alone, raced = np.mean(found, axis=0)
    assert raced < alone - 0.08
