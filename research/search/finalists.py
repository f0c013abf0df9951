"""What is the race for the long recipe worth? Races whose truth is known.

    python -m research.search.finalists [--races 400]

24 mixtures with normal long errors; short errors that correlate with them by a given amount; long runs with noise. The
winner is the mixture of the least short error (no long run at all), the best of the first five after one long run each,
or that of the race, which has 15. Writes the table of reports/search.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geosearch import seeds
from geosearch.search.racing import Run, race
from research.common.page import fill

PAGE = Path(__file__).parents[2] / "reports" / "search.md"
MIXTURES, FINALISTS, REPEATS = 24, 5, 3
CORRELATIONS, NOISES = (0.0, 0.3, 0.5, 0.7, 0.9, 0.95), (0.3, 0.5, 1.2)


def gaps(correlation: float, noise: float, number: int) -> tuple[float, float, float]:
    """Distance of the winner from the best mixture: by the short error, after one run each, after the race."""
    rng = seeds.stream(number, "race")
    truth = rng.normal(size=MIXTURES)
    shorts = correlation * truth + np.sqrt(1 - correlation**2) * rng.normal(size=MIXTURES)
    truth = truth[np.argsort(shorts)]

    def run(calls: Sequence[Run]) -> list[float]:
        return [float(truth[i] + noise * seeds.stream(number, "run", i, repeat).normal()) for i, repeat in calls]

    once, raced = (race(run, FINALISTS, repeats) for repeats in (1, REPEATS))
    winners = (0, *(int(np.nanargmin([one.error for one in found])) for found in (once, raced)))
    alone, after_one, after_race = (float(truth[winner] - truth.min()) for winner in winners)
    return alone, after_one, after_race


def table(races: int) -> list[str]:
    """Markdown: mean distances in standard deviations of the long errors."""
    rows = ["| correlation | noise of a run | short error alone | one run each | race | race - short error alone |"]
    rows.append("| --- " * 6 + "|")
    for correlation in CORRELATIONS:
        for noise in NOISES:
            found = np.array([gaps(correlation, noise, number) for number in range(races)])
            change = found[:, 2] - found[:, 0]
            half = 1.96 * change.std(ddof=1) / np.sqrt(races)
            means = " | ".join(f"{mean:.2f}" for mean in found.mean(0))
            rows.append(f"| {correlation} | {noise} | {means} | {change.mean():+.2f} ± {half:.2f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--races", type=int, default=400)
    options = parser.parse_args()
    fill(PAGE, [("race", lambda: table(options.races))])


if __name__ == "__main__":
    main()
