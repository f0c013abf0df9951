"""Which rule should choose how far to leave the pretrained weights, and when does no source pay?

    python -m research.photographs.coefficient_rules

fills the tables of reports/photographs.md from the lines of interpolation.py. Rules were chosen on three targets and
checked on three (sets.py). The error is that of the target's own way without a source: ridge on seedlings,
self-training elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from research.common.page import fill
from research.photographs.interpolation import (
    EPISODE,
    FILE,
    LAMBDAS,
    LEFT_OUT,
    LONG,
    PAIRS,
    PLAIN,
    SELF_TRAINED,
    SHORT,
)
from research.photographs.sets import CHECKED_ON, CHOSEN_ON, TARGETS
from research.photographs.tables import PAGE, difference, head, row

_NAMES = {LEFT_OUT: "leave-one-out", EPISODE: "episodes"}
_KEYS = {LEFT_OUT: "left_out", EPISODE: "episodes"}
_WIDTHS = {"one standard error": 1.0, "two standard errors": 2.0}
_SAMPLES = 2000  # of the bootstrap
Rule = Callable[[str], np.ndarray]  # target -> places of coefficients (mixtures, draws)


@cache
def errors(target: str, steps: int = LONG) -> np.ndarray:
    """(mixtures, draws, lambdas, 4), of networks that were trained for so many steps."""
    return np.array([line["errors"] for line in _lines(target, steps)])


@cache
def deviations(target: str, judge: int, steps: int = LONG) -> np.ndarray:
    """Standard errors of the paired differences of a judge's errors: (mixtures, draws, lambdas, lambdas)."""
    known = np.array([line[_KEYS[judge]] for line in _lines(target, steps)])  # (mixtures, draws, pairs)
    found = np.zeros((*known.shape[:2], len(LAMBDAS), len(LAMBDAS)))
    for number, (i, j) in enumerate(PAIRS):
        found[:, :, i, j] = found[:, :, j, i] = known[:, :, number]
    return found


def tested(target: str) -> np.ndarray:
    """Test errors (mixtures, draws, lambdas) of the target's own way."""
    return errors(target)[..., PLAIN if target == "seedlings" else SELF_TRAINED]


def fixed(place: int) -> Rule:
    return lambda target: np.full(tested(target).shape[:2], place)


def within(judge: int, width: float, steps: int = LONG) -> Rule:
    """The smallest coefficient whose error is within so many standard errors of the least."""

    def choose(target: str) -> np.ndarray:
        judged = errors(target, steps)[..., judge]
        least = judged.argmin(2)
        noise = np.take_along_axis(deviations(target, judge, steps), least[:, :, None, None], 2)[:, :, 0]
        return np.asarray((judged <= judged.min(2, keepdims=True) + width * noise).argmax(2))

    return choose


def taken(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(mixtures, draws, lambdas) at places (mixtures, draws)."""
    return np.asarray(np.take_along_axis(values, places[:, :, None], 2)[:, :, 0])


def answers(
    target: str, judge: int, rule: Rule, width: float | None, steps: int = LONG
) -> tuple[np.ndarray, np.ndarray]:
    """Test error (draws,) of the mixture that the judge likes best, or of none unless it gains more; and which is none.

    Args:
        steps: of the networks that are judged; the error is that of the longer training.
        width: standard errors by which the mixture has to be better than none; None takes it always.
    """
    places, judged = rule(target), errors(target, steps)[..., judge]
    found = taken(judged, places)
    best, draws = found.argmin(0), np.arange(found.shape[1])
    gain = judged[best, draws, 0] - found[best, draws]
    noise = deviations(target, judge, steps)[best, draws, places[best, draws], 0]
    is_none = np.zeros(len(draws), bool) if width is None else gain <= width * noise
    test = tested(target)
    return np.where(is_none, test[0, :, 0], taken(test, places)[best, draws]), is_none


def rules_table() -> list[str]:
    """Mean over mixtures of the difference from no pretraining."""
    ways: dict[str, Rule] = {f"lambda {value:g}": fixed(i) for i, value in enumerate(LAMBDAS) if value}
    for judge, name in _NAMES.items():
        ways |= {f"{name}: least error": within(judge, 0.0)}
        ways |= {f"{name}: within {words}": within(judge, width) for words, width in _WIDTHS.items()}
    lines = head("points against no pretraining", (*TARGETS, "chosen on", "checked on", "mean"))
    for name, rule in ways.items():
        gaps = {t: 100 * (taken(tested(t), rule(t)) - tested(t)[..., 0]).mean(0) for t in TARGETS}
        lines.append(row(name, _cells(gaps)))
    return lines


def answers_table() -> list[str]:
    """The answer of a study of seven mixtures, and how often it is that no source pays."""
    lines = head("points against no pretraining", (*TARGETS, "chosen on", "checked on", "mean"))
    for judge, name in _NAMES.items():
        for way, rule in (("least error", within(judge, 0.0)), ("within one standard error", within(judge, 1.0))):
            for width in (None, 2.0) if judge == LEFT_OUT else (None,):  # by episodes, none is never the answer
                found = {t: answers(t, judge, rule, width) for t in TARGETS}
                gaps = {t: 100 * (error - tested(t)[0, :, 0]) for t, (error, _) in found.items()}
                none = [f" ({is_none.mean():.0%} none)" * (width is not None) for _, is_none in found.values()]
                label = f"{name}, {way}" + ", or none" * (width is not None)
                lines.append(row(label, _cells(gaps, [*none, "", "", ""])))
    return lines


def short_table() -> list[str]:
    """The answer of a study whose trials are shorter than its last training."""
    lines = head("points against no pretraining", (*TARGETS, "chosen on", "checked on", "mean"))
    for steps in (LONG, SHORT):
        for width in (None, 2.0):
            rule = within(LEFT_OUT, 1.0, steps)
            found = {t: answers(t, LEFT_OUT, rule, width, steps) for t in TARGETS}
            gaps = {t: 100 * (error - tested(t)[0, :, 0]) for t, (error, _) in found.items()}
            none = [f" ({is_none.mean():.0%} none)" * (width is not None) for _, is_none in found.values()]
            label = f"judged after {steps} steps" + ", or none" * (width is not None)
            lines.append(row(label, _cells(gaps, [*none, "", "", ""])))
    return lines


def _cells(gaps: dict[str, np.ndarray], notes: list[str] | None = None) -> list[str]:
    own = [difference(gap / 100, np.zeros_like(gap)) for gap in gaps.values()]
    sets = [[gaps[t] for t in targets] for targets in (CHOSEN_ON, CHECKED_ON, TARGETS)]
    cells = [*own, *(f"{np.mean([gap.mean() for gap in one]):+.2f}" for one in sets[:2]), _with_interval(sets[2])]
    return [cell + note for cell, note in zip(cells, notes or [""] * len(cells), strict=True)]


def _with_interval(gaps: list[np.ndarray]) -> str:
    """Mean over targets with its 95 % interval, by bootstrap over targets and over draws within them."""
    rng = np.random.default_rng(0)
    means = [
        np.mean([rng.choice(gaps[i], len(gaps[i])).mean() for i in rng.integers(0, len(gaps), len(gaps))])
        for _ in range(_SAMPLES)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{np.mean([gap.mean() for gap in gaps]):+.2f} [{low:+.2f}, {high:+.2f}]"


@cache
def _lines(target: str, steps: int) -> list[dict[str, list[list[list[float]]]]]:
    """In the order of the mixtures, which all lengths have in common."""
    asked = {"target": target, "seed": 0}
    found = [line for line in FILE.all() if line["asked"].items() >= asked.items()]
    found = [line for line in found if line["asked"].get("steps", LONG) == steps]
    return sorted(found, key=lambda line: str(line["asked"]["mixture"]))


def main() -> None:
    fill(PAGE, [("coefficients", rules_table), ("no gain", answers_table), ("short trials", short_table)])


if __name__ == "__main__":
    main()
