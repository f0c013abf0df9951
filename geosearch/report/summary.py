"""What a report is drawn from: frozen facts of one study, no drawing and no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.confirmation.ablation import LeftOut
from geosearch.confirmation.statistics import Confirmation
from geosearch.data.dataset import balanced_rows
from geosearch.data.target import Target
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.hull import Hull
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.fidelity.statistics import PROXY, Rung, rank_agreement, rungs_of
from geosearch.search.racing import best_of
from geosearch.search.study_store import StudyStore
from geosearch.search.trial import TrialRecord

__all__ = ["RankAgreement", "SourceFacts", "StudyFacts", "TrialRecord"]


@dataclass(frozen=True)
class SourceFacts:
    """One source: its name, size, number of classes, licence, and W2 to the target over the anchors."""

    name: str
    images: int
    classes: int
    licence: str
    otdd_to_target: float  # squared feature units, smaller is better
    labelled_by: str = ""  # how the labels were made, if they are pseudo-labels


@dataclass(frozen=True)
class StudyFacts:
    """Everything the figures and the page need."""

    name: str
    target: str
    target_classes: int
    shots: int
    sources: tuple[SourceFacts, ...]  # m
    gram: np.ndarray  # (m, m): closed form of weights a is a @ gram @ a
    projection: tuple[float, ...]  # (m,) weights of the target's projection on the hull
    prices: tuple[float, ...] | None  # (m,) of an image of each source; None if they do not matter
    trials: tuple[TrialRecord, ...]
    rungs: tuple[Rung, ...]  # from the cheap to the dear
    best: int | None  # number of the best trial
    trust: RankAgreement | None
    confirmation: Confirmation | None
    left_out: tuple[LeftOut, ...]  # the best mixture without each of its sources; empty before the end of a run
    stages: tuple[tuple[str, float], ...]  # (stage, wall seconds)
    walk: tuple[tuple[str, np.ndarray], ...]  # (caption, uint8 images (k, h, w, ch)), the same k rows throughout
    curves: tuple[tuple[str, Mapping[str, np.ndarray]], ...]  # (source, its map's training); empty if none is trained
    settings: tuple[tuple[str, str], ...]  # (key of the study file, value)
    versions: tuple[tuple[str, str], ...]  # (package, version)

    def price(self, weights: Sequence[float]) -> float:
        """Of an image of a mixture of the sources."""
        return float(np.dot(weights, self.prices or np.zeros(len(weights))))


def collect(
    *,
    name: str,
    store: StudyStore,
    target: Target,
    anchors: Anchors,
    hull: Hull,
    confirmation: Confirmation | None,
    settings: tuple[tuple[str, str], ...],
    versions: tuple[tuple[str, str], ...],
) -> StudyFacts:
    """Gather a study's facts: what its database holds, and pictures from its anchors."""
    trials = store.trials()
    best = best_of(trials) if any(trial.state == "complete" for trial in trials) else None
    explained = store.get_meta("left out", {})
    if best is None or explained.get("trial") != best.number:
        explained = {}
    return StudyFacts(
        name=name,
        target=target.name,
        target_classes=len(target.classes),
        shots=len(target.shots) // len(target.classes),
        sources=tuple(
            SourceFacts(s.name, s.size, len(s.classes), s.licence, s.otdd_to_target, s.labelled_by)
            for s in anchors.sources
        ),
        gram=hull.gram,
        projection=hull.projection().values,
        prices=store.space.prices,
        trials=trials,
        rungs=rungs_of(store),
        best=best.number if best else None,
        trust=rank_agreement(PROXY, trials) if any(trial.held_out_otdd is not None for trial in trials) else None,
        confirmation=confirmation,
        left_out=tuple(LeftOut(**entry) for entry in explained.get("sources", ())),
        stages=tuple(store.get_meta("stages", {}).items()),
        walk=walk(anchors, best.point if best else None),
        curves=tuple((source.name, source.map.curves) for source in anchors.sources if source.map.curves),
        settings=settings,
        versions=versions,
    )


def walk(anchors: Anchors, best: Weights | None, rows: int = 6) -> tuple[tuple[str, np.ndarray], ...]:
    """The same reference images at points of the hull: target, best mixture, then source by source with half-ways."""
    reference, m = anchors.reference, len(anchors.sources)
    chosen = balanced_rows(reference.labels, min(rows, len(reference)), seeds.stream(0, "walk"))
    steps: list[tuple[str, Weights]] = [("best mixture", best)] if best else []
    for i, source in enumerate(anchors.sources):
        steps.append((source.name, Weights.single(i, m)))
        if i + 1 < m:
            halves = np.zeros(m)
            halves[[i, i + 1]] = 0.5
            steps.append(("half-way", Weights.of(halves)))
    pictures = [("target", reference.images[chosen])]
    for caption, weights in steps:
        images, _ = Mixture(anchors, weights).at(chosen)  # (k, ch, h, w)
        pictures.append((caption, np.round(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)))
    return tuple(pictures)
