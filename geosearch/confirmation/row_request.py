"""RowRequest: a row that is to be trained; which candidates a confirmation compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from geosearch.confirmation.candidates.base import Candidate
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.row import BEST, NO_PRETRAINING, RowKind
from geosearch.confirmation.variants import VARIANTS, row_name
from geosearch.data.target import Target
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.augmenter import Augmenter


@dataclass(frozen=True, eq=False)
class RowRequest:
    """A row that is to be trained; see `Row` for the fields."""

    name: str
    candidate: Candidate
    kind: RowKind = RowKind.BASELINE
    label: str = ""


def request_rows(
    anchors: Anchors,
    target: Target,
    best: Weights,
    baselines: Mapping[str, Weights],
    *,
    singles: Mapping[str, str],
    variants: Sequence[str] = (),
    finalists: Sequence[Weights] = (),
    controls: Sequence[RowRequest] = (),
    is_searched: bool = True,
    interpolation: Callable[[Weights], float | None] = lambda _: None,
    augmentation: Callable[[Weights], Augmenter | None] = lambda _: None,
) -> tuple[RowRequest, ...]:
    """The best mixture, the baselines, no pretraining, the controls, and the variants, in this order.

    Args:
        anchors: what mixtures are made of.
        target: the target; its test part is not used.
        best: the best mixture.
        baselines: row -> mixture.
        singles: row -> source, for the baselines that are single sources.
        variants: of the best mixture, by their names in study files.
        finalists: mixtures of the race, the best first; the variant "ensemble-teacher" uses them.
        controls: see `control_rows`.
        is_searched: False if no search chose the best mixture, which then owes nothing to the held-out images.
        interpolation: mixture -> coefficient of its network (see `Plain`).
        augmentation: mixture -> augmentation that the search found for it; None for that of the recipe.
    """
    searched_on = target.unlabelled_counts if is_searched else None
    found = Plain(Mixture(anchors, best), searched_on, interpolation(best), augmentation(best))
    rows = [RowRequest(BEST, found, RowKind.BEST)]
    for name, weights in baselines.items():
        kind = RowKind.SINGLE_SOURCE if name in singles else RowKind.BASELINE
        plain = Plain(Mixture(anchors, weights), None, interpolation(weights), augmentation(weights))
        rows.append(RowRequest(name, plain, kind, singles.get(name, "")))
    rows.append(RowRequest(NO_PRETRAINING, FromScratch(), RowKind.NO_PRETRAINING))
    rows += controls
    for name in variants:
        variant = VARIANTS.build(name, {})
        candidate = variant.candidate(anchors, best, target.shots, finalists)
        if type(candidate) is Plain:  # as far from the pretrained weights, and augmented, as what it is compared with
            candidate = replace(candidate, interpolation=found.interpolation, augmentation=found.augmentation)
        rows.append(RowRequest(row_name(variant), candidate, RowKind.VARIANT, variant.title))
    return tuple(rows)
