"""Export: the mixture of one trial written out as a data set, with its card."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from geosearch import seeds
from geosearch.config.study_config import StudyFile
from geosearch.data.card import CardFacts, card_mentions, render_card
from geosearch.data.license import CARD
from geosearch.data.writers.base import Writer
from geosearch.data.writers.write import Streamable, write_mixture
from geosearch.mixture.distillation import Condensation
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.source_rows import SourceRows, write_rows
from geosearch.mixture.synthesis import Synthesis
from geosearch.runtime.atomic import atomic_dir
from geosearch.runtime.events import SynthesisStarted
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Progress
from geosearch.runtime.versions import versions
from geosearch.search.trial_record import NO_TRIAL, TrialRecord
from geosearch.study.prepare import Prepared, passed_over

_OBJECTIVES = {
    "episodes": "on pseudo-labelled images of the target, of heads fitted to a few of them at a time",
    "leave-one-out": "of a ridge head on the target's shots, each left out",
    "shots": "cross-validated on the target's shots",
}
_ROWS = (
    "No images: `rows.csv` names, for every sample, the images of the sources that it is made of, their labels, and "
    "their weights, which add up to 1."
)


@dataclass(frozen=True, eq=False)
class Export:
    """One trial's mixture, ready to be written.

    Attributes:
        file: the study's settings.
        prepared: its target and sources.
        trial: whose mixture it is.
        verdict: the confirmation's sentence, if it is about this trial.
        study: the argument that names the study on the command line.
    """

    file: StudyFile
    prepared: Prepared
    trial: TrialRecord
    verdict: str | None
    study: str

    @cached_property
    def mixture(self) -> Mixture:
        """The mixture of the trial."""
        return Mixture(self.prepared.anchors, self.trial.point)

    def is_written(self, folder: Path) -> bool:
        """Whether the card in `folder` is that of this mixture, and of its verdict if there is one."""
        try:
            text = (folder / CARD).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return False
        return card_mentions(text, self.mixture.key, self.verdict)

    def write(self, out: Path, *, size: int, condense: int | None, writer: Writer, progress: Progress) -> Path:
        """Write `size` images of the mixture, or `condense` images a class that are learned from them.

        Raises:
            OutputExistsError: `out` is there and not empty.
            StorageError: it cannot be written.
        """
        seed = seeds.integer(self.file.study.seed, "synthesize")
        with one_thread():
            synthesis = Synthesis(self.mixture, self.prepared.target_images(size))
            progress.event(SynthesisStarted(synthesis.describe(size)))
            stream: Streamable = synthesis
            facts = self.card(synthesis.describe(size), size, writer.layout, f"--format {writer.name}")
            if condense is not None:
                device = self.file.recipe.device
                stream = learned = Condensation(condense).learn(synthesis, size, seed, device=device)
                facts = _condensed(facts, condense, len(learned))
            return write_mixture(stream, size=facts.size, out=out, writer=writer, seed=seed, card=render_card(facts))

    def write_rows(self, out: Path, *, size: int, progress: Progress) -> Path:
        """Write which images of the sources `size` samples of the mixture are made of, as rows.csv with a card.

        Raises:
            OutputExistsError: `out` is there and not empty.
            StorageError: it cannot be written.
        """
        seed = seeds.integer(self.file.study.seed, "synthesize")
        views = self.file.recipe.settings["views"]
        with one_thread():
            rows = SourceRows(self.mixture, self.prepared.collection.sources, views)
            progress.event(SynthesisStarted(how := rows.describe(size)))
            found = rows.draw(size, seeds.stream(seed, "synthesize"))
        with atomic_dir(out) as folder:
            write_rows(folder / "rows.csv", found)
            facts = replace(self.card(how, size, _ROWS, "--rows"), listed=True)
            (folder / CARD).write_text(render_card(facts), encoding="utf-8")
        return out

    def card(self, how: str, size: int, layout: str, option: str) -> CardFacts:
        """What the card of `size` images says.

        Args:
            how: from which target images they are made.
            size: number of images.
            layout: which file holds what.
            option: of the command that writes it.
        """
        trial, seed = self.trial, self.file.study.seed
        number = "" if trial.number == NO_TRIAL else f"--trial {trial.number} "
        return CardFacts(
            study=self.file.study.name,
            target=self.prepared.target.name,
            origin=f"{trial.name} ({trial.role})",
            sources=tuple(
                source.facts.with_views(self.file.recipe.settings["views"]) for source in self.prepared.anchors.sources
            ),
            weights=trial.weights,
            concentration=trial.concentration,
            pairing=trial.pairing,
            how=how,
            size=size,
            image_shape=self.mixture.image_shape,
            class_count=self.mixture.class_count,
            closed_form=trial.closed_form,
            held_out_otdd=trial.proxy,
            top1_error=trial.top1_error,
            judged=_OBJECTIVES[self.file.search.objective],
            verdict=self.verdict,
            on_test_part=self.prepared.target.test_labels is not None,
            mixture_key=self.mixture.key,
            seeds=(("study", seed), ("draw", seeds.integer(seed, "synthesize"))),
            versions=versions(),
            files=layout,
            command=f"geosearch synthesize {self.study} {number}--size {size} {option} --out DIR",
            passed_over=passed_over(self.prepared.collection.reports),
            network=trial.path_place,
        )


def _condensed(facts: CardFacts, per_class: int, count: int) -> CardFacts:
    """The card of `count` images that were learned from what these facts describe."""
    return replace(
        facts,
        how=f"{count:,} images, at most {per_class} for each class, learned from {facts.how}, by distribution matching",
        size=count,
        learned=True,
        command=f"{facts.command} --condense {per_class}",
    )
