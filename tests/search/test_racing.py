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
    standings = race(track, range(5), range(5), 4)
    assert [one.runs for one in standings[2:]] == [2, 2, 2]
    assert standings[0].runs + standings[1].runs > 8
    assert len(track.calls) <= 20
    assert len(set(track.calls)) == len(track.calls)


def test_without_a_rival_the_race_ends_early():
    track = Track([0.1, 0.6, 0.7], 0.01)
    race(track, range(3), range(3), 10)
    assert len(track.calls) == 6


def test_the_best_of_equals_is_found_more_often_than_by_the_luckiest_single_run():
    """Two good ones, four slightly worse: compare with picking the least of one run each."""
    means, noise = [0.30, 0.30, 0.34, 0.34, 0.34, 0.34], 0.04
    six = range(6)
    raced = [int(np.argmin([s.error for s in race(Track(means, noise, seed), six, six, 4)])) for seed in range(60)]
    lucky = [int(np.argmin(Track(means, noise, seed)([(i, 0) for i in six]))) for seed in range(60)]
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
    standings = race(lambda calls: [None if i == 1 else 0.3 + 0.1 * i for i, _ in calls], range(3), range(3), 3)
    assert standings[1].runs == 0
    assert np.isnan(standings[1].error)
    assert standings[0].error < standings[2].error


def test_one_repeat_is_one_run_each_and_says_nothing_of_the_noise():
    track = Track([0.3, 0.2], 0.01)
    standings = race(track, range(2), range(2), 1)
    assert sorted(track.calls) == [(0, 0), (1, 0)]
    assert np.isnan(standings[0].deviation)


def test_a_better_one_that_the_short_recipe_misplaced_enters_and_wins():
    """Eight finalists that tell nothing apart in the short recipe; the sixth is by far the best."""
    means = [0.50, 0.52, 0.55, 0.48, 0.53, 0.30, 0.51, 0.50]
    standings = race(Track(means, 0.01), range(8), range(5), 3)
    assert standings[5].runs >= 2
    assert int(np.nanargmin([one.error for one in standings])) == 5


def test_nobody_enters_whom_a_trusted_short_recipe_likes_less():
    """The long errors of the first eight rise as their short ones do: the ninth promises nothing."""
    means = [0.30 + 0.02 * i for i in range(12)]
    standings = race(Track(means, 0.01), means, range(8), 3)
    assert [one.runs for one in standings[8:]] == [0] * 4


def test_seldom_somebody_enters_where_all_are_alike():
    entered = [
        sum(one.runs > 0 for one in race(Track([0.3] * 10, 0.05, seed), range(10), range(5), 3)) > 5
        for seed in range(100)
    ]
    assert np.mean(entered) < 0.4


def test_whoever_enters_runs_twice():
    """Fifteen runs, ten of them spent at once: there is room for two more, and for one run of a leader."""
    for seed in range(40):
        truth = np.random.default_rng([seed, 1]).normal(size=24)
        standings = race(Track(list(truth), 0.3, seed), range(24), range(5), 3)
        assert 1 not in [one.runs for one in standings]


def test_if_all_fail_the_next_in_line_tries():
    standings = race(lambda calls: [None if i < 2 else 0.3 for i, _ in calls], range(5), range(2), 3)
    assert [one.runs for one in standings] == [0, 0, 2, 0, 0]


def test_no_race_spends_more_than_its_budget():
    for seed in range(20):
        means = list(np.random.default_rng(seed).normal(0.4, 0.05, 12))
        track = Track(means, 0.02, seed)
        standings = race(track, range(12), range(4), 3)
        assert len(track.calls) == len(set(track.calls)) <= 12
        assert sum(one.runs for one in standings) == len(track.calls)


def test_entrants_pay_where_the_short_recipe_tells_nothing_and_cost_little_where_it_tells_all():
    """Mean distance of the winner from the best of 24, beside a race that stays among the first five."""
    gaps = {}
    for correlation in (0.0, 0.9):
        found = []
        for seed in range(80):
            rng = np.random.default_rng([seed, 7])
            truth = rng.normal(size=24)
            shorts = correlation * truth + np.sqrt(1 - correlation**2) * rng.normal(size=24)
            order = np.argsort(shorts)
            truth, shorts = truth[order], shorts[order]
            for field in (24, 5):
                standings = race(Track(list(truth), 0.3, seed), shorts[:field], range(5), 3)
                found.append(truth[int(np.nanargmin([one.error for one in standings]))] - truth.min())
        gaps[correlation] = np.mean(np.array(found).reshape(-1, 2), axis=0)
    assert gaps[0.0][0] < gaps[0.0][1] - 0.15
    assert gaps[0.9][0] < gaps[0.9][1] + 0.05
