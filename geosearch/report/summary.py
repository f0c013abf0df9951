"""StudySummary: what a study's database says of it; StudyReport: the same with what its data show. No drawing here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from geosearch import seeds
from geosearch.confirmation.ablation import Ablation, LeftOut
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.record import ConfirmationRecord
from geosearch.data.card import SourceFacts
from geosearch.data.dataset import balanced_rows
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.baselines import SINGLE
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.source_rows import Pictures
from geosearch.mixture.weights import Weights
from geosearch.report.data_facts import DataFacts
from geosearch.report.mixture_samples import MixtureSamples
from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.fidelity.statistics import Fidelity, FidelityStatistics, fidelity_statistics, rank_agreement
from geosearch.search.free_answer import FreeAnswer
from geosearch.search.no_gain import NoGain
from geosearch.search.pareto import front
from geosearch.search.racing import find_best, find_ties
from geosearch.search.storage.errors import check_readable
from geosearch.search.study_store import RunningTrial, StudyStore
from geosearch.search.trial_record import NO_TRIAL, TrialRecord


@dataclass(frozen=True, kw_only=True)
class StudySummary:
    """How far a study is and what it found, as far as its database says; no data set is loaded for it.

    Attributes:
        name: the study's name.
        budget: evaluations that it may spend.
        source_names: (m,) in the order of the weights.
        prices: (m,) of an image of each source; None if they do not matter.
        trials: every trial that ended, in the order of the proposals.
        fidelities: cost and use of each, from the cheapest to the most expensive.
        confirmation: what the test part said of the best trial; None before the end of a run, or if another trial was
            the best then.
        left_out: the best mixture trained without each of its sources; empty before the end of a run.
        stages: (stage, wall seconds) of all runs together.
        task_similarity: earlier study -> Kendall's tau of its evaluations with this study's.
        running: trials that are being evaluated, and where.
        free_answer: the mixture that needs no training; None before the data are prepared.
        untrained: sources that are not trained alone as baselines; empty before they are chosen.
        no_gain: why the search ended after its baselines; None if it did not, or went on.
        passed_over: (data set, what of it was not used and why, or how it was understood), where there is such.
    """

    name: str
    budget: int
    source_names: tuple[str, ...]
    prices: tuple[float, ...] | None = None
    trials: tuple[TrialRecord, ...] = ()
    fidelities: tuple[FidelityStatistics, ...] = ()
    confirmation: Confirmation | None = None
    left_out: tuple[LeftOut, ...] = ()
    stages: tuple[tuple[str, float], ...] = ()
    task_similarity: Mapping[str, float] = field(default_factory=dict)
    running: tuple[RunningTrial, ...] = ()
    free_answer: FreeAnswer | None = None
    untrained: tuple[str, ...] = ()
    no_gain: NoGain | None = None
    passed_over: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, store: StudyStore, *, budget: int, source_names: Sequence[str]) -> StudySummary:
        """Read a study's database.

        Raises:
            StorageError: it cannot be read, or holds something else.
        """
        trials = store.trials()
        with check_readable(store.url):
            record = store.record
            confirmation, ablation = ConfirmationRecord.of(record), Ablation.of(record)
            is_trained = any(trial.state == "complete" for trial in trials)
            ended = record.no_gain if record.stops(budget) else None
            number = None if budget else NO_TRIAL
            if is_trained:
                number = find_best(trials, ended.answer if ended else None).number
            return cls(
                name=store.name,
                budget=budget,
                source_names=tuple(source_names),
                prices=store.space.prices,
                trials=trials,
                fidelities=fidelity_statistics(store),
                confirmation=confirmation.result if confirmation and confirmation.trial == number else None,
                left_out=ablation.sources if ablation and ablation.trial == number else (),
                stages=tuple(record.stage_seconds.items()),
                task_similarity=record.task_similarity,
                running=store.running(),
                free_answer=record.free_answer,
                untrained=_untrained(record.baselines, source_names) if budget else (),
                no_gain=ended,
                passed_over=record.passed_over,
            )

    @cached_property
    def best(self) -> TrialRecord | None:
        """The best trial so far, or the free answer if the budget is 0; None before one is complete."""
        return (
            find_best(self.trials, self.no_gain.answer if self.no_gain else None)
            if self.count("complete")
            else self.free_best
        )

    @cached_property
    def free_best(self) -> TrialRecord | None:
        """The free answer in the place of the best trial, if the budget is 0 and nothing was trained."""
        free = None if self.budget or self.count("complete") else self.free_answer
        return free.trial if free else None

    @cached_property
    def ties(self) -> tuple[TrialRecord, ...]:
        """Finalists that the race could not tell from the best."""
        return find_ties(self.trials)

    @property
    def failed(self) -> tuple[TrialRecord, ...]:
        """Trials whose training failed."""
        return tuple(trial for trial in self.trials if trial.state == "failed")

    @cached_property
    def proxy_agreement(self) -> RankAgreement:
        """How the proxy ranks the mixtures that were evaluated."""
        return rank_agreement(Fidelity.PROXY, self.trials)

    @property
    def front(self) -> tuple[tuple[TrialRecord, float, float], ...]:
        """(trial, error, price) of the evaluated mixtures that none beats in both; empty without prices."""
        if self.prices is None:
            return ()
        done = [(trial, trial.error, self.price(trial.weights)) for trial in self.trials if trial.error is not None]
        return tuple(front(done, [error for _, error, _ in done], [price for _, _, price in done]))

    def count(self, state: str) -> int:
        """Trials that ended as "complete", "repeat" or "failed"."""
        return Counter(trial.state for trial in self.trials)[state]

    def price(self, weights: Sequence[float]) -> float:
        """Of an image of a mixture of the sources."""
        return float(np.dot(weights, self.prices or np.zeros(len(weights))))


def _untrained(baselines: Sequence[str] | None, names: Sequence[str]) -> tuple[str, ...]:
    """The sources that are not trained alone; none if the baselines are not chosen yet."""
    return () if baselines is None else tuple(name for name in names if SINGLE + name not in baselines)


@dataclass(frozen=True, kw_only=True)
class StudyReport(StudySummary):
    """A study's summary together with what its data show: everything that the page and its figures need.

    Attributes:
        target: the target's name.
        label_counts: (c,) labelled images of each of its classes.
        target_notes: what a person should know of how its parts were made, a sentence each.
        sources: (m,) what is known of each source.
        gram: (m, m) of the closed form: the distance of weights a is a @ gram @ a.
        projection: (m,) weights of the target's projection on the hull.
        walk: (caption, uint8 images (k, h, w, ch)), the same k reference images throughout.
        mixes_activations: whether activations are mixed in place of images.
        samples: of the best mixture, as images; None where images are mixed, or there is no mixture yet.
        curves: (source, its map's training losses); empty if no map is trained.
        settings: (key of the study file, value).
        versions: (package, version).
    """

    target: str
    label_counts: tuple[int, ...]
    sources: tuple[SourceFacts, ...]
    gram: np.ndarray
    projection: tuple[float, ...]
    walk: tuple[tuple[str, np.ndarray], ...] = ()
    curves: tuple[tuple[str, Mapping[str, np.ndarray]], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    target_notes: tuple[str, ...] = ()
    mixes_activations: bool = False
    samples: MixtureSamples | None = None


def collect(
    summary: StudySummary,
    data: DataFacts,
    *,
    anchors: Anchors | None = None,
    pictures: Pictures | None = None,
    settings: tuple[tuple[str, str], ...],
    versions: tuple[tuple[str, str], ...],
) -> StudyReport:
    """Add to a study's summary what its prepared data show; without the anchors, there are no images and no curves.

    Args:
        summary: of the study.
        data: what is known of its sets.
        anchors: its sources, mapped from the target.
        pictures: the images of sets that hold activations; None where they hold images.
        settings: of the study.
        versions: of packages.
    """
    known = {entry.name: getattr(summary, entry.name) for entry in fields(summary)}
    sources = anchors.sources if anchors else ()
    best = summary.best.point if summary.best else None
    return StudyReport(
        **known,
        target=data.target,
        label_counts=data.label_counts,
        target_notes=data.target_notes,
        sources=data.sources,
        gram=np.array(data.gram),
        projection=data.projection,
        walk=walk(anchors, best, pictures=pictures) if anchors else (),
        mixes_activations=pictures is not None,
        samples=MixtureSamples.draw(anchors, best, pictures, shown_rows(anchors))
        if anchors and pictures and best
        else None,
        curves=tuple((source.name, source.map.curves) for source in sources if source.map.curves),
        settings=settings,
        versions=versions,
    )


def walk(
    anchors: Anchors, best: Weights | None, rows: int = 6, pictures: Pictures | None = None
) -> tuple[tuple[str, np.ndarray], ...]:
    """The same reference images at points of the hull: target, best mixture, then source by source with half-ways.

    Where activations are mixed, there are images of the target and of the sources only.
    """
    reference, m = anchors.reference, len(anchors.sources)
    chosen = shown_rows(anchors, rows)
    if pictures is not None:
        shown = [("target", pictures.show("", reference.images[chosen]))]
        return (*shown, *((one.name, pictures.show(one.name, one.images[chosen])) for one in anchors.sources))
    steps: list[tuple[str, Weights]] = [("best mixture", best)] if best else []
    for i, source in enumerate(anchors.sources):
        steps.append((source.name, Weights.single(i, m)))
        if i + 1 < m:
            halves = np.zeros(m)
            halves[[i, i + 1]] = 0.5
            steps.append(("half-way", Weights.of(halves)))
    strips = [("target", reference.images[chosen])]
    for caption, weights in steps:
        images, _ = Mixture(anchors, weights).mix_mean(chosen)  # (k, ch, h, w)
        strips.append((caption, np.round(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)))
    return tuple(strips)


def shown_rows(anchors: Anchors, rows: int = 6) -> np.ndarray:
    """Rows of the reference whose images are shown, of as many classes as possible."""
    reference = anchors.reference
    return balanced_rows(reference.labels, min(rows, len(reference)), seeds.stream(0, "walk"))
