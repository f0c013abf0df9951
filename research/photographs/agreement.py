"""How well do cheap scores rank mixtures as real trainings on them do? From the kept lines; trains nothing.

    python -m research.photographs.agreement

Kendall's tau over the mixtures of a target (single sources apart, which merge to themselves), of each draw's score with
the test error of the ridge head after 150 steps (mean over draws and training seeds), its mean over the five draws.
Scores of networks are those of seed 0; where a network is scored after a training on the very mixture, the test errors
are those of seed 1 alone, so that a score shares no noise with what it foretells, if there are enough of these. The
interval is a bootstrap over targets, and within these over mixtures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from geosearch import seeds
from research.photographs import distances, episodes, merged, mixtures
from research.photographs.mixtures import of_target
from research.photographs.scoring import ERROR, LEFT_OUT, SELF_TRAINED, SQUARED
from research.photographs.sets import DRAWS, TARGETS, sources_of

FEWEST = 8  # mixtures of a target below which no tau is given
RESAMPLES = 400
Table = np.ndarray  # (draws, 5)
Score = Callable[[str, str], "np.ndarray | None"]  # target, mixture -> (draws,)


@cache
def _trained() -> dict[tuple[str, str, int, str], Table]:
    return {
        (target, line["asked"]["mixture"], line["asked"]["seed"], mark): np.array(rows["5"], dtype=float)
        for line in mixtures.FILE.all()
        for target, marks in line["scores"].items()
        for mark, rows in marks.items()
    }


@cache
def _merged() -> dict[tuple[str, str, float], Table]:
    return {
        (a["target"], a["mixture"], a["lambda"]): np.array(line["scores"]["5"], dtype=float)
        for line in merged.FILE.all()
        for a in [line["asked"]]
        if a["way"] == merged.MERGED
    }


@cache
def _distances() -> dict[tuple[str, str], dict[str, object]]:
    return {(line["asked"]["target"], line["asked"]["mixture"]): line for line in distances.FILE.all()}


def _of_merged(scale: float, column: int) -> Score:
    def score(target: str, name: str) -> np.ndarray | None:
        table = _merged().get((target, name, scale))
        if scale == 1 and name in sources_of(target):  # a single source merges to itself
            table = _trained().get((target, name, 0, "150"))
        return None if table is None else table[:, column]

    return score


def _of_training(mark: str, column: int) -> Score:
    def score(target: str, name: str) -> np.ndarray | None:
        table = _trained().get((target, name, 0, mark))
        return None if table is None else table[:, column]

    return score


def _mean_of_singles(target: str, name: str) -> np.ndarray | None:
    """The single sources' leave-one-out errors, averaged with the mixture's weights."""
    parts = dict(mixtures.mixtures()[name].weights)
    tables = [_trained().get((target, part, 0, "150")) for part in parts]
    if any(table is None for table in tables):
        return None
    return np.average([table[:, SQUARED] for table in tables if table is not None], 0, weights=list(parts.values()))


def _of_distance(kind: str) -> Score:
    def score(target: str, name: str) -> np.ndarray | None:
        line = _distances().get((target, name))
        return None if line is None else np.broadcast_to(np.asarray(line[kind], dtype=float), DRAWS)

    return score


@cache
def episode_errors() -> dict[tuple[str, str], dict[str, list[float]]]:
    return {(line["asked"]["target"], line["asked"]["mixture"]): line["errors"] for line in episodes.FILE.all()}


def _of_episodes(kind: str) -> Score:
    def score(target: str, name: str) -> np.ndarray | None:
        found = episode_errors().get((target, name), {}).get(kind)
        return None if found is None else np.array(found)

    return score


def _constant(of: Score) -> Score:
    def score(target: str, name: str) -> np.ndarray | None:
        found = of(target, name)
        return None if found is None else np.full(DRAWS, found.mean())

    return score


SCORES: dict[str, Score] = {
    "merged, lambda 1: leave-one-out, squared": _of_merged(1.0, SQUARED),
    "merged, lambda 1: leave-one-out, share wrong": _of_merged(1.0, LEFT_OUT),
    "merged, lambda 0.5: leave-one-out, squared": _of_merged(0.5, SQUARED),
    "merged, lambda 1: episodes": _of_episodes("merged"),
    "single sources' leave-one-out, weighted": _mean_of_singles,
    "held-out OTDD with labels": _of_distance("with_labels"),
    "held-out OTDD of features": _of_distance("features"),
    "50 steps: leave-one-out, squared": _of_training("50", SQUARED),
    "50 steps: episodes": _of_episodes("50 steps"),
    "150 steps: leave-one-out, squared": _of_training("150", SQUARED),
    "150 steps: episodes": _of_episodes("150 steps"),
    "*merged, lambda 1: its own test error*": _constant(_of_merged(1.0, ERROR)),
    "*50 steps: its own test error*": _constant(_of_training("50", ERROR)),
    "*150 steps, another seed: its own test error*": _constant(_of_training("150", ERROR)),
}


def truth(target: str, name: str, column: int = ERROR, own: bool = False) -> float | None:
    """Mean test error over draws and the training seeds that there are; of seed 1 alone for a network's own score."""
    tables = [_trained().get((target, name, seed, "150")) for seed in ((1,) if own else (0, 1))]
    present = [table[:, column].mean() for table in tables if table is not None]
    return float(np.mean(present)) if present else None


def agreements(score: Score, column: int, singles: bool, own: bool) -> dict[str, np.ndarray]:
    """Target -> (draws, n, n) of +1 where a pair of mixtures is ranked as by the truth, -1 the other way, 0 ties."""
    found = {}
    for target in TARGETS:
        names = [
            n
            for n in of_target(target)
            if not n.startswith("mixup") and (singles or n not in sources_of(target)) and score(target, n) is not None
        ]
        known = [(n, truth(target, n, column, own)) for n in names]
        pairs = [(score(target, n), t) for n, t in known if t is not None]
        if len(pairs) < FEWEST:
            continue
        values = np.stack([p[0] for p in pairs], 1)  # type: ignore[misc]  # (draws, n)
        true = np.array([p[1] for p in pairs])
        signs = np.sign(values[:, :, None] - values[:, None, :])
        found[target] = signs * np.sign(true[:, None] - true[None, :])
    return found


def tau(agreed: np.ndarray, rows: np.ndarray | None = None) -> float:
    """Mean over draws of Kendall's tau-a, of the pairs of different mixtures."""
    n = agreed.shape[1]
    rows = np.arange(n) if rows is None else rows
    apart = rows[:, None] != rows[None, :]
    return float(agreed[:, rows[:, None], rows[None, :]][:, apart].mean())


def overall(found: dict[str, np.ndarray]) -> tuple[float, float, float]:
    """Mean over targets, with the 95 % interval of a bootstrap over targets and over mixtures within them."""
    rng, names = seeds.stream(0, "photographs bootstrap"), list(found)
    means = []
    for _ in range(RESAMPLES):
        drawn = [found[names[i]] for i in rng.integers(len(names), size=len(names))]
        means.append(np.mean([tau(a, rng.integers(a.shape[1], size=a.shape[1])) for a in drawn]))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.mean([tau(a) for a in found.values()])), float(low), float(high)


def table(column: int = ERROR, singles: bool = False) -> list[str]:
    """Markdown: a row for each score, a column for each target; in italics what no study can see."""
    lines = [f"| tau with the test error | {' | '.join(TARGETS)} | mean |", "| --- " * (len(TARGETS) + 2) + "|"]
    for name, score in SCORES.items():
        found = agreements(score, column, singles, " steps" in name)
        if not found and "another seed" not in name:
            found, name = agreements(score, column, singles, False), f"{name} (same training)"
        if not found:
            continue
        mean, low, high = overall(found)
        cells = [f"{tau(found[t]):+.2f} ({found[t].shape[1]})" if t in found else "-" for t in TARGETS]
        lines.append(f"| {name} | {' | '.join(cells)} | {mean:+.2f} [{low:+.2f}, {high:+.2f}] |")
    return lines if len(lines) > 2 else []


def distances_table() -> list[str]:
    """Markdown: tau and regret of the held-out OTDD over all mixtures, and the regret of one taken at random."""
    lines = [f"| held-out OTDD | {' | '.join(TARGETS)} | mean |", "| --- " * (len(TARGETS) + 2) + "|"]
    for name in ("held-out OTDD with labels", "held-out OTDD of features"):
        found = agreements(SCORES[name], ERROR, singles=True, own=False)
        if not found:
            return []
        mean, low, high = overall(found)
        lost = {t: regret(SCORES[name], t) for t in found}
        cells = [f"{tau(found[t]):+.2f} ({lost[t]:.1f})" if t in found else "-" for t in TARGETS]
        whole = f"**{mean:+.2f}** [{low:+.2f}, {high:+.2f}] ({np.mean(list(lost.values())):.1f})"
        lines.append(f"| {name.removeprefix('held-out OTDD ')} | {' | '.join(cells)} | {whole} |")
    chance = [regret(None, target) for target in TARGETS]
    lines.append(
        f"| a mixture at random | {' | '.join(f'0 ({one:.1f})' for one in chance)} | 0 ({np.mean(chance):.1f}) |"
    )
    return lines


def regret(score: Score | None, target: str) -> float:
    """How much worse than the best the mixture of least score is, points of error; of any one if there is no score."""
    names = [n for n in of_target(target) if not n.startswith("mixup") and truth(target, n) is not None]
    errors = 100 * np.array([truth(target, n) for n in names])
    if score is None:
        return float(errors.mean() - errors.min())
    values = np.stack([np.asarray(score(target, n)) for n in names])  # (n, draws)
    return float(errors[values.argmin(0)].mean() - errors.min())


def main() -> None:
    print("\n".join([*table(), "", *table(singles=True), "", *table(SELF_TRAINED)]))


if __name__ == "__main__":
    main()
