"""How well every score of predictors.py ranks mixtures: Kendall's tau with the final test error, and regrets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau, rankdata

from geosearch import seeds
from geosearch.confirmation.intervals import t_half_width
from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.mixtures import LONG, MIXTURES
from research.transfer.regimes import ADAPTATIONS, SCRATCH

RESAMPLES = 2000


@dataclass(frozen=True)
class Observed:
    """All mixtures under one cut of a target.

    Attributes:
        final: test error after the long training, points, (mixtures,).
        scores: name -> what it said of each mixture, (mixtures,); smaller is better.
    """

    final: np.ndarray
    scores: dict[str, np.ndarray]


def observations(folder: Path, adaptation: str) -> dict[tuple[str, int], Observed]:
    """(Target, seed) -> what is known of its mixtures, where all of them were trained at length."""
    finals: dict[tuple[str, int], dict[int, float]] = {}
    for line in Lines(folder / "regimes.jsonl").all():
        asked = line["asked"]
        if asked["steps"] == LONG and 5 in line["shots"] and asked["mixture"] != SCRATCH:
            error = line["errors"][adaptation][line["shots"].index(5)]
            finals.setdefault((asked["target"], asked["seed"]), {})[asked["mixture"]] = 100 * error
    seen: dict[tuple[str, int], dict[str, dict[int, float]]] = {}
    for line in Lines(folder / "predictors.jsonl").all() + Lines(folder / "refined.jsonl").all():
        asked = line["asked"]
        for name, value in line["scores"].items():
            seen.setdefault((asked["target"], asked["seed"]), {}).setdefault(name, {})[asked["mixture"]] = value
    for line in Lines(folder / "distances.jsonl").all():
        asked = line["asked"]
        for name, values in line["distances"].items():
            seen[asked["target"], asked["seed"]][name] = dict(enumerate(values))

    def inline(values: dict[int, float]) -> np.ndarray:
        return np.array([values[i] for i in range(MIXTURES)])

    return {
        key: Observed(inline(finals[key]), {name: inline(values) for name, values in scores.items()})
        for key, scores in seen.items()
        if len(finals.get(key, {})) == MIXTURES
    }


def seconds_of(folder: Path) -> dict[str, float]:
    """Score -> the median of the seconds that it took."""
    found: dict[str, list[float]] = {}
    for file in ("predictors.jsonl", "refined.jsonl", "distances.jsonl"):
        for line in Lines(folder / file).all():
            for name, value in line["seconds"].items():
                found.setdefault(name, []).append(value)
    return {name: float(np.median(values)) for name, values in found.items()}


@dataclass(frozen=True)
class Agreement:
    """How a score ranks mixtures, over targets and seeds.

    Attributes:
        name: of the score.
        taus: Kendall's tau with the final test error, target -> one for each seed.
        regret: final error of the mixture it likes best minus that of the best mixture, points, mean.
        seconds: that the score takes, the training of 300 steps left out.
    """

    name: str
    taus: dict[str, list[float]]
    regret: float
    seconds: float

    @property
    def mean(self) -> float:
        return float(np.mean([np.mean(values) for values in self.taus.values()]))

    @property
    def half_width(self) -> float:
        """Of the 95 % t interval over targets, each the mean of its seeds."""
        return t_half_width([float(np.mean(values)) for values in self.taus.values()])


def agreements(folder: Path, adaptation: str) -> list[Agreement]:
    """Every score and every pair of scores (mean of their ranks) against the final error, best first."""
    whole, seconds = observations(folder, adaptation), seconds_of(folder)
    names = sorted(set.intersection(*(set(one.scores) for one in whole.values())))
    taus: dict[tuple[str, ...], dict[str, list[float]]] = {}
    regrets: dict[tuple[str, ...], list[float]] = {}
    for (target, _), one in whole.items():
        ranks = {name: rankdata(one.scores[name]) for name in names}
        for pair in [(name,) for name in names] + list(combinations(names, 2)):
            value = np.sum([ranks[name] for name in pair], axis=0)
            taus.setdefault(pair, {}).setdefault(target, []).append(float(kendalltau(value, one.final).statistic))
            regrets.setdefault(pair, []).append(float(one.final[value.argmin()] - one.final.min()))
    found = [
        Agreement(
            " + ".join(pair),
            taus[pair],
            float(np.mean(regrets[pair])),
            sum(seconds.get(name, 0.0) for name in {one.removesuffix(", rate") for one in pair}),
        )
        for pair in taus
    ]
    return sorted(found, key=lambda one: -one.mean)


def tau_interval(scores: np.ndarray, finals: np.ndarray) -> tuple[float, float, float]:
    """Mean of Kendall's tau-b over seeds, and its 95 % bootstrap interval over mixtures; both arrays (seeds, mixtures).

    The same mixtures are drawn for all seeds. Pairs of one mixture with itself count for nothing, as ties do.
    """
    signs = [np.sign(values[:, :, None] - values[:, None, :]) for values in (scores, finals)]
    n = scores.shape[1]
    drawn = seeds.stream(0, "tau").multinomial(n, np.full(n, 1 / n), RESAMPLES)

    def tau(counts: np.ndarray) -> np.ndarray:
        both, one, other = (
            np.einsum("ri,sij,rj->rs", counts, matrix, counts, optimize=True)
            for matrix in (signs[0] * signs[1], signs[0] ** 2, signs[1] ** 2)
        )
        return np.asarray((both / np.sqrt(one * other)).mean(1))

    low, high = np.quantile(tau(drawn.astype(np.float64)), (0.025, 0.975))
    return float(tau(np.ones((1, n)))[0]), float(low), float(high)


def table(folder: Path, pairs: int = 5) -> list[str]:
    """Markdown: all single scores and the best pairs, for each adaptation."""
    found = {adaptation: {one.name: one for one in agreements(folder, adaptation)} for adaptation in ADAPTATIONS}
    overall = sorted(found["ridge"], key=lambda name: -sum(found[adaptation][name].mean for adaptation in ADAPTATIONS))
    singles = [name for name in overall if " + " not in name]
    shown = singles + [name for name in overall if " + " in name][:pairs]
    rows = ["| score | " + " | ".join(f"tau, {adaptation} (regret)" for adaptation in ADAPTATIONS) + " | seconds |"]
    rows.append("| --- " * (2 + len(ADAPTATIONS)) + "|")
    for name in sorted(shown, key=overall.index):
        three = [found[adaptation][name] for adaptation in ADAPTATIONS]
        cellwise = [f"{one.mean:+.2f} ± {one.half_width:.2f} ({one.regret:.1f})" for one in three]
        rows.append(f"| {name} | " + " | ".join(cellwise) + f" | {three[0].seconds:.2f} |")
    return rows


def gains(folder: Path, name: str = "episodes, refined labels", over: str = "leave-one-out") -> list[str]:
    """How much better one score ranks than another: mean over the targets of the mean over seeds, 95 % t intervals."""
    found = []
    for adaptation in ADAPTATIONS:
        both = {one.name: one.taus for one in agreements(folder, adaptation) if one.name in (name, over)}
        pairs = [
            (target, one - other)
            for target, taus in both[name].items()
            for one, other in zip(taus, both[over][target], strict=True)
        ]
        mean, half = over_targets(pairs)
        counted = f"{len(both[name])} targets, {len(pairs)} cuts of them"
        found.append(f"{name} minus {over}, {adaptation}: tau {mean:+.2f} ± {half:.2f} ({counted})")
    return found
