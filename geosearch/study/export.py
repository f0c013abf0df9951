"""Writing: a trial's mixture written out as a data set, with its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geosearch import seeds
from geosearch.data.card import card, card_mentions
from geosearch.data.license import CARD
from geosearch.data.writers.writers import Streamable, Writer, write_mixture
from geosearch.mixture.distillation import Condensation
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.synthesis import Synthesis
from geosearch.runtime.parallel import one_thread
from geosearch.search.trial import TrialRecord
from geosearch.study.provenance import card_of, of_condensed, verdict_on

if TYPE_CHECKING:
    from geosearch.study.study import Study


def is_written(study: Study, trial: TrialRecord, folder: Path) -> bool:
    """Whether the card in `folder` tells of the trial's mixture, and of the verdict on it if there is one."""
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return card_mentions(text, Mixture(study.prepared.anchors, trial.point).key, verdict_on(study, trial))


def write_trial(
    study: Study, trial: TrialRecord, out: Path, *, size: int, condense: int | None, writer: Writer
) -> Path:
    """Write `size` images of the trial's mixture, or `condense` images a class that are learned from them."""
    seed = seeds.integer(study.file.study.seed, "synthesize")
    with one_thread():
        synthesis = Synthesis(Mixture(study.prepared.anchors, trial.point), study.prepared.target_images(size))
        study.progress.event("synthesis", how=synthesis.how(size))
        stream: Streamable = synthesis
        facts = card_of(study, trial, synthesis, size, writer)
        if condense is not None:
            stream = learned = Condensation(condense).learn(synthesis, size, seed, device=study.file.recipe.device)
            facts = of_condensed(facts, condense, len(learned))
        return write_mixture(stream, size=facts.size, out=out, writer=writer, seed=seed, card=card(facts))
