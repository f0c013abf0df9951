"""Does it pay to let further mixtures into the race for the long recipe? Races whose truth is known.

    python -m research.search.finalists [--races 400]

24 mixtures with normal long errors; short errors that correlate with them by a given amount; 15 long runs with noise.
The race as it is, where further mixtures may enter, beside one that stays among the first five. Writes the table of
reports/search.md.
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
MIXTURES, FIRST, REPEATS = 24, 5, 3
CORRELATIONS, NOISES = (0.0, 0.3, 0.5, 0.7, 0.9), (0.3, 0.7, 1.2)


def gaps(correlation: float, noise: float, number: int) -> tuple[float, float, int]:
    """Distance of the winner from the best mixture without and with entrants, and how many ran with entrants."""
    rng = seeds.stream(number, "race")
    truth = rng.normal(size=MIXTURES)
    shorts = correlation * truth + np.sqrt(1 - correlation**2) * rng.normal(size=MIXTURES)
    order = np.argsort(shorts)
    truth, shorts = truth[order], shorts[order]

    def run(calls: Sequence[Run]) -> list[float]:
        return [float(truth[i] + noise * seeds.stream(number, "run", i, repeat).normal()) for i, repeat in calls]

    closed, opened = (race(run, list(shorts[:field]), range(FIRST), REPEATS) for field in (FIRST, MIXTURES))
    found = [truth[int(np.nanargmin([one.error for one in some]))] - truth.min() for some in (closed, opened)]
    return found[0], found[1], sum(one.runs > 0 for one in opened)


def table(races: int) -> list[str]:
    """Markdown: mean distances in standard deviations of the long errors."""
    rows = ["| correlation | noise of a run | first five only | with entrants | difference | mixtures run |"]
    rows.append("| --- " * 6 + "|")
    for correlation in CORRELATIONS:
        for noise in NOISES:
            found = np.array([gaps(correlation, noise, number) for number in range(races)])
            closed, opened, ran = found.mean(0)
            change = found[:, 1] - found[:, 0]
            half = 1.96 * change.std(ddof=1) / np.sqrt(races)
            row = f"| {correlation} | {noise} | {closed:.2f} | {opened:.2f} "
            rows.append(row + f"| {opened - closed:+.2f} ± {half:.2f} | {ran:.1f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--races", type=int, default=400)
    options = parser.parse_args()
    fill(PAGE, [("race", lambda: table(options.races))])


if __name__ == "__main__":
    main()
