"""Status: a study's summary as JSON-representable facts and as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.row import BEST, Row
from geosearch.report.summary import StudySummary
from geosearch.runtime.duration import duration
from geosearch.search.fidelity.statistics import FidelityStatistics


def status_of(summary: StudySummary) -> dict[str, Any]:
    """JSON-representable."""
    best, confirmation, free = summary.best, summary.confirmation, summary.free_answer
    return {
        "study": summary.name,
        "budget": summary.budget,
        "complete": summary.count("complete"),
        "repeats": summary.count("repeat"),
        "failed": summary.count("failed"),
        "failures": [{"trial": trial.number, "reason": trial.reason} for trial in summary.failed],
        "best": best and {**asdict(best), "concentration": str(best.concentration)},
        "front": [{"trial": trial.number, "error": error, "price": price} for trial, error, price in summary.front],
        "running": [asdict(trial) for trial in summary.running],
        "ties": [trial.number for trial in summary.ties],
        "sources": list(summary.source_names),
        "proxy": summary.proxy_agreement.sentence(),
        "earlier": dict(summary.task_similarity),
        "fidelities": [_fidelity_facts(one) for one in summary.fidelities],
        "seconds": dict(summary.stages),
        "free_answer": free and {"weights": list(free.values), "closed_form": free.closed_form, "proxy": free.proxy},
        "no_gain": summary.no_gain and {**asdict(summary.no_gain), "reason": summary.no_gain.sentence},
        "untrained": list(summary.untrained),
        "passed_over": [{"set": name, "note": note} for name, note in summary.passed_over],
        "past_confirmations": [asdict(one) for one in confirmation.background.past] if confirmation else [],
        "rows": [_row_facts(row) for row in confirmation.rows] if confirmation else [],
        "answer": {"row": confirmation.answer_row, "adaptation": confirmation.adaptation} if confirmation else None,
        "verdict": confirmation.verdict() if confirmation else None,
    }


def _row_facts(row: Row) -> dict[str, Any]:
    """JSON-representable: a row's errors, networks and unlabelled images under each adaptation."""
    return {
        "name": row.name,
        "kind": str(row.kind),
        "errors": {name: list(errors) for name, errors in row.top1_errors.items()},
        "balanced_errors": {name: list(errors) for name, errors in row.balanced_errors.items()},
        "half_widths": dict(row.half_widths),
        "balanced_half_widths": dict(row.balanced_half_widths),
        "networks": dict(row.networks),
        "unlabelled_images": dict(row.unlabelled_images),
        "interpolation": row.interpolation,
        "places": row.places,
    }


def status_text(summary: StudySummary) -> str:
    """For a terminal: the best mixture, how the proxy ranks mixtures, the confirmation and its verdict."""
    best, confirmation = summary.best, summary.confirmation
    if best is None:
        return "\n".join(
            [f"study {summary.name}: no trial yet", *_beforehand(summary), *_running(summary), *_failures(summary)]
        )
    if best is summary.free_best:
        lines = [f"study {summary.name}: no search, search.evaluations is 0", *_beforehand(summary)]
        return "\n".join([*lines, *_result(confirmation)])
    shares = zip(summary.source_names, best.weights, strict=True)
    weights = ", ".join(f"{name} {share:.2f}" for name, share in shares if share > 0.005)
    lines = [
        f"study {summary.name}: {summary.count('complete')} of {summary.budget} evaluations done, "
        f"best is trial {best.number} ({best.role}){_ties(summary)}",
        f"  mixture   {weights}; concentration {best.concentration:.3g}, pairing {best.pairing}",
        *([f"  network   {best.path_place}"] if best.path_place else []),
        *([f"  augmented {best.augmentation.ranges} (searched)"] if best.augmentation else []),
        *_stopped(summary),
        *_beforehand(summary),
        f"  proxy     {summary.proxy_agreement.sentence()}",
        *_fidelities(summary.fidelities),
        *_running(summary),
        *_failures(summary),
    ]
    if found := summary.front:
        shown = (f"trial {trial.number} (error {error:.3f}, price {price:.3g})" for trial, error, price in found)
        lines.append(f"  front     {', '.join(shown)}")
    if summary.task_similarity:
        agreed = ", ".join(f"{name} (tau {tau:+.2f})" for name, tau in summary.task_similarity.items())
        lines.append(f"  earlier   {agreed}: agreement of earlier studies with this one")
    return "\n".join([*lines, *_result(confirmation)])


def _stopped(summary: StudySummary) -> list[str]:
    """Why the search ended early, which the answer may say itself."""
    if summary.no_gain is None:
        return []
    has_answer = summary.confirmation is not None and summary.confirmation.answer
    return [f"  stopped   {summary.no_gain.ended if has_answer else summary.no_gain.sentence}"]


def _result(confirmation: Confirmation | None) -> list[str]:
    """The confirmation and its verdict, or that there is none."""
    if confirmation is None:
        return ["  not confirmed yet; 'geosearch resume' goes on"]
    return ["", _table(confirmation), "", confirmation.verdict()]


def _beforehand(summary: StudySummary) -> list[str]:
    """What is known before the first training: what was not used of the data sets, the free answer, and the sources
    that are not trained alone."""
    lines = [f"  files     {name}: {note}" for name, note in summary.passed_over]
    if summary.free_answer:
        lines.append(f"  free      {summary.free_answer.sentence(summary.source_names)}; it needs no training")
    if rest := summary.untrained:
        trained, m = len(summary.source_names) - len(rest), len(summary.source_names)
        lines.append(f"  sources   {trained} of {m} are trained alone as baselines, not {', '.join(rest)}")
    return lines


def _fidelity_facts(fidelity: FidelityStatistics) -> dict[str, Any]:
    """JSON-representable; a tau that is not known is null."""
    facts = asdict(fidelity)
    if fidelity.agreement and not math.isfinite(fidelity.agreement.tau):
        facts["agreement"]["tau"] = None
    return facts


def _fidelities(fidelities: Sequence[FidelityStatistics]) -> list[str]:
    """What each fidelity cost, and its rank agreement: a line each."""
    lines = [f"  {'fidelity':<15}{'evaluations':>13}{'mean':>14}{'total':>14}  rank agreement, tau"]
    for one in fidelities:
        cost = f"{one.evaluations:>9}{duration(one.mean_seconds):>14}{duration(one.seconds):>14}"
        lines.append(f"    {one.fidelity:<15}{cost}  {one.agreement_text}".rstrip())
    return lines


def _running(summary: StudySummary) -> list[str]:
    """What is being evaluated, and where, a line each."""
    return [f"  running   trial {trial.number} on {trial.host}, process {trial.pid}" for trial in summary.running]


def _failures(summary: StudySummary, most: int = 3) -> list[str]:
    """The last failed trials with their reasons, a line each."""
    failed = summary.failed
    more = [f"  failed    {len(failed) - most} earlier trials too; --json lists them"] if len(failed) > most else []
    return [*more, *(f"  failed    trial {trial.number}: {trial.reason}" for trial in failed[-most:])]


def _table(confirmation: Confirmation) -> str:
    """The confirmation as aligned text: error in %, mean and half its interval."""
    names = confirmation.adaptations
    width, known = max(len(row.name) for row in confirmation.rows) + 2, confirmation.has_intervals
    columns = [max(16, len(name) + 2) for name in names]
    head = f"{confirmation.error}, %".ljust(width)
    head += "".join(f"{name:>{column}}" for name, column in zip(names, columns, strict=True))
    own, has_counts = confirmation.adaptation, any(row.networks for row in confirmation.rows)
    if confirmation.is_uneven:
        head += f"{'balanced':>16}"
    if has_counts:
        head += f"{'networks':>12}{'unlabelled':>13}"
    if has_places := any(row.path_place for row in confirmation.rows):
        head += f"{'lambda':>8}"
    lines = [head]
    for row in confirmation.ranked():
        cells = "".join(_cell(row, name, column, known=known) for name, column in zip(names, columns, strict=True))
        if confirmation.is_uneven:
            cells += f"{100 * row.balanced_mean(own):>9.1f}"
            balanced = row.balanced_half_width(own)
            cells += " " * 7 if math.isnan(balanced) else f" ± {100 * balanced:<4.1f}"
        place = "varies" if row.places else "" if row.interpolation is None else f"{row.interpolation:g}"
        lines.append((row.name.ljust(width) + cells + _resources(confirmation, row) + f"{place:>7}").rstrip())
    lines.append(f"(means with {confirmation.interval})" if known else f"({confirmation.interval})")
    if confirmation.judged_by:
        lines.append(f"(judged by {confirmation.judged_by})")
    if confirmation.is_uneven:
        lines.append(f"(balanced: the mean over the classes of the error in each, {own})")
    if confirmation.frequencies:
        lines.append(f"({confirmation.frequencies})")
    if has_counts:
        lines.append(f"(networks, and unlabelled images of the target, under {own}; * not those of the best mixture)")
    if has_places:
        varies = "; varies: from fold to fold" if any(row.places for row in confirmation.rows) else ""
        lines.append(f"(lambda: how far the network is from the pretrained weights, 0, to the trained ones, 1{varies})")
    return "\n".join([*lines, *(f"({line})" for line in confirmation.tuning)])


def _cell(row: Row, adaptation: str, width: int, *, known: bool) -> str:
    """Mean error and half its interval; a dash if the row lacks the adaptation."""
    if adaptation not in row.top1_errors:
        return f"{'-':>{width - 7}}" + " " * 7
    spread = f" ± {100 * row.half_width(adaptation):<4.1f}" if known else " " * 7
    return f"{100 * row.mean(adaptation):>{width - 7}.1f}{spread}"


def _resources(confirmation: Confirmation, row: Row) -> str:
    """Cells of the networks and unlabelled images of a row, with a mark where they differ from the best mixture's."""
    best, own, cells = confirmation.row(BEST), confirmation.adaptation, ""
    for width, counts, others in (
        (11, row.networks, best.networks),
        (12, row.unlabelled_images, best.unlabelled_images),
    ):
        if own in counts:
            cells += f"{counts[own]:>{width},}{' ' if counts[own] == others.get(own) else '*'}"
    return cells


def _ties(summary: StudySummary) -> str:
    """Which finalists the race could not tell from the best, in words; nothing if it could tell all."""
    numbers = [str(trial.number) for trial in summary.ties]
    if not numbers:
        return ""
    return f"; the race could not tell it from trial{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
