"""Provenance: what the card of an exported mixture says, from its study."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from geosearch import seeds
from geosearch.data.card import CardFacts, CardSource
from geosearch.data.writers.writers import Writer
from geosearch.mixture.synthesis import Synthesis
from geosearch.runtime.versions import versions
from geosearch.search.trial import TrialRecord
from geosearch.study.locate import shown

if TYPE_CHECKING:
    from geosearch.study.study import Study


JUDGED = {
    "episodes": "on pseudo-labelled images of the target, of heads fitted to a few of them at a time",
    "shots": "cross-validated on the target's shots",
}


def card_of(study: Study, trial: TrialRecord, synthesis: Synthesis, size: int, writer: Writer) -> CardFacts:
    """The facts of one export; the verdict is on it only if this very trial was confirmed."""
    return CardFacts(
        study=study.name,
        target=study.prepared.target.name,
        origin=f"trial {trial.number} ({trial.role})",
        sources=tuple(
            CardSource(s.name, s.size, len(s.classes), s.licence, weight, s.otdd_to_target, s.labelled_by)
            for s, weight in zip(study.prepared.anchors.sources, trial.weights, strict=True)
        ),
        concentration=trial.concentration,
        pairing=trial.pairing,
        how=synthesis.how(size),
        size=size,
        image_shape=synthesis.image_shape,
        class_count=synthesis.mixture.class_count,
        closed_form=trial.closed_form,
        held_out_otdd=trial.held_out_otdd,
        top1_error=trial.top1_error,
        judged=JUDGED[study.file.search.objective],
        verdict=verdict_on(study, trial),
        mixture_key=synthesis.mixture.key,
        seeds=(
            ("study", study.file.study.seed),
            ("draw", seeds.integer(study.file.study.seed, "synthesize")),
        ),
        versions=versions(),
        files=writer.layout,
        command=f"geosearch synthesize {shown(study.name, study.store.url)} --trial {trial.number} --size {size} "
        f"--format {writer.name} --out DIR",
    )


def verdict_on(study: Study, trial: TrialRecord) -> str | None:
    """The confirmation's sentence if it is about this trial."""
    confirmation = study.confirmation
    return confirmation.verdict() if confirmation and study.best.number == trial.number else None


def of_condensed(facts: CardFacts, per_class: int, count: int) -> CardFacts:
    """The card of `count` images that were learned from what these facts describe."""
    return replace(
        facts,
        how=f"{count:,} images, at most {per_class} for each class, learned from {facts.how}, by distribution matching",
        size=count,
        learned=True,
        command=f"{facts.command} --condense {per_class}",
    )
