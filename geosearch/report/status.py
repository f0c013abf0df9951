"""Status: how far a study is and what it found, as facts and as text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from geosearch.confirmation.statistics import Confirmation
from geosearch.runtime.duration import duration
from geosearch.search.board import members
from geosearch.search.fidelity.statistics import PROXY, Rung, rank_agreement, rungs_of
from geosearch.search.pareto import front
from geosearch.search.trial import TrialRecord

if TYPE_CHECKING:
    from geosearch.study.study import Study


def status_of(study: Study) -> dict[str, Any]:
    """JSON-representable."""
    trials, confirmation = study.trials, study.confirmation
    states = Counter(trial.state for trial in trials)
    best = study.best if states["complete"] else None
    return {
        "study": study.name,
        "budget": study.file.search.evaluations,
        "complete": states["complete"],
        "pruned": states["pruned"],
        "failed": states["failed"],
        "failures": [{"trial": trial.number, "reason": trial.reason} for trial in trials if trial.state == "failed"],
        "best": best and {**asdict(best), "concentration": str(best.concentration)},
        "front": [{"trial": trial.number, "error": trial.error, "price": price} for trial, price in priced(study)],
        "workers": [asdict(member) for member in members(study.store.study)],
        "ties": [trial.number for trial in study.ties],
        "sources": list(study.source_names),
        "proxy": rank_agreement(PROXY, trials).sentence(),
        "earlier": study.store.get_meta("likeness", {}),
        "rungs": [_rung_facts(rung) for rung in rungs_of(study.store)],
        "seconds": study.store.get_meta("stages", {}),
        "verdict": confirmation.verdict() if confirmation else None,
    }


def status_text(study: Study) -> str:
    """For a terminal: the best mixture, how far the proxy is trusted, the confirmation and its verdict."""
    failures = _failures(study)
    if not any(trial.state == "complete" for trial in study.trials):
        return "\n".join([f"study {study.name}: no trial yet", *_workers(study), *failures])
    best, confirmation = study.best, study.confirmation
    names = study.source_names
    weights = ", ".join(f"{name} {share:.2f}" for name, share in zip(names, best.weights, strict=True) if share > 0.005)
    complete = sum(trial.state == "complete" for trial in study.trials)
    lines = [
        f"study {study.name}: {complete} of {study.file.search.evaluations} evaluations done, "
        f"best is trial {best.number} ({best.role}){tied(study)}",
        f"  mixture   {weights}; concentration {best.concentration:.3g}, pairing {best.pairing}",
        f"  proxy     {rank_agreement(PROXY, study.trials).sentence()}",
        *_rungs(rungs_of(study.store)),
        *_workers(study),
        *failures,
    ]
    if found := priced(study):
        shown = (f"trial {trial.number} (error {trial.error:.3f}, price {price:.3g})" for trial, price in found)
        lines.append(f"  front     {', '.join(shown)}")
    if task_similarity := study.store.get_meta("likeness"):
        agreed = ", ".join(f"{name} (tau {tau:+.2f})" for name, tau in task_similarity.items())
        lines.append(f"  earlier   {agreed}: agreement of earlier studies with this one; below 0 they count nothing")
    if confirmation:
        lines += ["", _table(confirmation), "", confirmation.verdict()]
    else:
        lines.append("  not confirmed on the test part yet; 'geosearch resume' goes on")
    return "\n".join(lines)


def priced(study: Study) -> list[tuple[TrialRecord, float]]:
    """The evaluated mixtures that none beats in both error and price, with their prices; none without prices."""
    space = study.store.space
    if space.prices is None:
        return []
    done = [(trial, trial.error, space.price(trial.point)) for trial in study.trials if trial.error is not None]
    best = front([trial for trial, _, _ in done], [error for _, error, _ in done], [price for _, _, price in done])
    return [(trial, space.price(trial.point)) for trial in best]


def _rung_facts(rung: Rung) -> dict[str, Any]:
    """JSON-representable; a tau that is not known is null."""
    facts = asdict(rung)
    if rung.trust and not math.isfinite(rung.trust.tau):
        facts["trust"]["tau"] = None
    return facts


def _rungs(rungs: Sequence[Rung]) -> list[str]:
    """What each rung cost, how far it agrees with what came after it, what it stopped and saved: a line each."""
    lines = [
        f"  {'rungs':<17}{'looks':>7}{'each':>14}{'in all':>14}  {'agreement, tau':<22}{'stopped':>9}{'saved':>14}"
    ]
    for rung in rungs:
        looks = f"{rung.looks:>7}{duration(rung.each):>14}{duration(rung.seconds):>14}"
        stops = f"{rung.stopped:>9}{duration(rung.saved):>14}" if rung.trust else ""
        lines.append(f"    {rung.name:<15}{looks}  {rung.agreement:<22}{stops}".rstrip())
    return lines


def _workers(study: Study) -> list[str]:
    """Who is at work, a line each; none for a lone search, which signs no list."""
    return [
        f"  at work   {member.role} on {member.host}, process {member.pid}"
        + (f": trial {', '.join(map(str, member.trials))}" if member.trials else "")
        for member in members(study.store.study)
    ]


def _failures(study: Study, most: int = 3) -> list[str]:
    """The last failed trials with their reasons, a line each."""
    failed = [trial for trial in study.trials if trial.state == "failed"]
    more = [f"  failed    {len(failed) - most} earlier trials too; --json lists them"] if len(failed) > most else []
    return [*more, *(f"  failed    trial {trial.number}: {trial.reason}" for trial in failed[-most:])]


def _table(confirmation: Confirmation) -> str:
    """The confirmation as aligned text: test error in %, mean and spread over seeds."""
    names = confirmation.adaptations
    width, count = max(len(row.name) for row in confirmation.rows) + 2, len(confirmation.seeds)
    head = "test error, %".ljust(width) + "".join(f"{name:>16}" for name in names)
    lines = [head]
    for row in confirmation.ranked():
        spreads = [f" ± {100 * row.spread(name):<4.1f}" if count > 1 else " " * 7 for name in names]
        cells = "".join(f"{100 * row.mean(name):>9.1f}{spread}" for name, spread in zip(names, spreads, strict=True))
        lines.append((row.name.ljust(width) + cells).rstrip())
    over = f"mean ± standard deviation over {count} seeds" if count > 1 else "one seed, so no spread"
    lines.append(f"({over}, {confirmation.test_size} test images)")
    return "\n".join(lines)


def tied(study: Study) -> str:
    """Which finalists the race could not tell from the best, in words; nothing if it could tell all."""
    numbers = [str(trial.number) for trial in study.ties]
    if not numbers:
        return ""
    return f"; the race could not tell it from trial{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
