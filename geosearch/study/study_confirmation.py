"""StudyConfirmation: the confirmation of a study, on its test part or by its labels, and what trains its rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from geosearch.adaptation.automatic import AUTOMATIC
from geosearch.adaptation.head_choice import SELF_TRAINED
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.background import Background
from geosearch.confirmation.confirm import Confirmer
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.cross_fitting import CrossFitting
from geosearch.confirmation.record import ConfirmationRecord
from geosearch.confirmation.row_request import RowRequest
from geosearch.mixture.baselines import CLOUD, POOLED, choose_confirmed
from geosearch.mixture.spaces.base import MixingSpace
from geosearch.runtime.cache import Cache
from geosearch.runtime.events import StageStarted
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Progress
from geosearch.search.loop import Search
from geosearch.search.no_gain import NoGain
from geosearch.search.racing import find_finalists
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_record import NO_TRIAL, TrialRecord, augmentation_by_mixture, errors_by_mixture
from geosearch.study.baselines import find_single_sources
from geosearch.study.build_confirmation import build_confirmer, build_rows
from geosearch.study.folds import FoldBuilder
from geosearch.study.prepare import Prepared
from geosearch.study.union_gain import UnionGain
from geosearch.study.union_path import UnionPath, row_name
from geosearch.study.union_training import TRAININGS
from geosearch.study.without_source import CHOSEN_IN_FOLDS, HEADS_OF_FOLDS, WithoutSource, answer_in_folds


@dataclass(frozen=True, eq=False)
class StudyConfirmation:
    """Confirms a study whose search is over.

    Attributes:
        file: the study's settings.
        prepared: its data.
        space: where images are mixed.
        cache: where results are kept.
        store: the study's database.
        search: how it was searched.
        best: its best mixture.
        progress: who is told.
    """

    file: StudyFile
    prepared: Prepared
    space: MixingSpace
    cache: Cache
    store: StudyStore
    search: Search
    best: TrialRecord
    progress: Progress

    def run(self) -> Confirmation:
        """The confirmation that the database has, unless something else is asked for now; else a new one.

        Raises:
            DomainMismatchError: the labels are to judge, and no class has two.
            TrainingFailedError: a training failed.
        """
        known, request = ConfirmationRecord.of(self.store.record), self._request
        if known and known.result and known.answers(request):
            return known.result
        gain = self._union_gain  # before anything judges
        judge = "the labels" if self._crosses else "the test part"
        self.progress.event(StageStarted(f"confirmation on {judge}"))
        start = time.perf_counter()
        confirmation = self._judged_by_labels() if self._crosses else self._judged_on_test_part()
        if gain and confirmation.answer:
            heads = HEADS_OF_FOLDS if self._crosses and self._is_open else confirmation.adaptation
            confirmation = replace(confirmation, reasons=gain.sentences(heads, labels_judge=self._crosses))
        background = Background(
            sources=len(self.prepared.anchors.sources),
            trained=len(find_single_sources(self.search.baselines, self._names)),
            searched=self.best.number != NO_TRIAL,
            past=known.past if known else (),
            ended=self._ended(confirmation),
        )
        confirmation = replace(confirmation, background=background)
        place = gain.interpolation if gain else None
        self.store.update(confirmation=replace(request, result=confirmation, union_interpolation=place).to_json())
        self.store.add_seconds("confirmation", time.perf_counter() - start)
        return confirmation

    def _ended(self, found: Confirmation) -> str:
        """Why the search ended early, where the answer does not say it; empty if it did not."""
        if self._stopped is None or found.no_gain:
            return ""
        return self._stopped.ended if found.answer else self._stopped.sentence

    @property
    def is_by_union(self) -> bool:
        """Whether the deep union is the answer, so that nobody asks what each source adds to the best mixture."""
        known = self._known
        return bool(known.result.answer if known and known.result else self._answer)

    @property
    def _known(self) -> ConfirmationRecord | None:
        """What the database has of what is asked for now."""
        known = ConfirmationRecord.of(self.store.record)
        return known if known and known.answers(self._request) else None

    @property
    def _answer(self) -> str:
        """The row that is the answer in place of the best mixture; empty if none is."""
        gain = self._union_gain
        return row_name(gain.stages) if gain and gain.is_answer else ""

    @cached_property
    def _union_gain(self) -> UnionGain | None:
        """What the labels that judged the search say of the deep union, if there is one."""
        if self._union is None:
            return None
        best = None if self.best.number == NO_TRIAL else self.best
        with self._timed("deep union"), one_thread():
            labels = len(self.prepared.target.shots)
            return UnionGain.measure(self._union, self.search.objective, best, labels=labels)

    @property
    def _union_rows(self) -> tuple[RowRequest, ...]:
        """The row of the deep union on all labels, as far as they chose it when it was confirmed."""
        if self._union is None:
            return ()
        known = self._known
        gain = None if known else self._union_gain
        place = gain.interpolation if gain else known.union_interpolation if known else None
        assert place is not None
        with self._timed("deep union"), one_thread():
            return (self._union.request(place),)

    def training(self) -> tuple[Confirmer, Sequence[RowRequest]]:
        """What trains the rows on all labels, and the rows."""
        if self._crosses:
            return self._folds.confirmer(self.prepared), (
                *self._folds.rows_of_all_labels(self.best.point, self._trials),
                *self._union_rows,
            )
        return self._confirmer, self._rows

    def _judged_by_labels(self) -> Confirmation:
        """A head that is chosen by labels is chosen in each fold, without those that judge."""
        crossing = CrossFitting(self.file.confirm.folds, self.file.confirm.repeats)
        labels, adaptation = self.prepared.target.shots.labels, self._settings.recipe.adaptation
        found = crossing.run(labels, self._folds, adaptation=adaptation, **self._how)
        if self._stopped and self._is_without_source:
            return replace(found, no_gain=answer_in_folds(self._stopped))
        if self._fixed == POOLED:
            found = replace(found, equal=POOLED)
        return replace(found, tuning=(CHOSEN_IN_FOLDS, *found.tuning)) if self._is_open else found

    def _judged_on_test_part(self) -> Confirmation:
        """A head that is chosen by labels is chosen once, for all rows."""
        way = WithoutSource.choose(self.file, self.prepared) if self._is_open else None
        adaptation = way.adaptation if way else self.file.recipe.adaptation
        found = self._confirmer.run(self._rows, count=self.file.confirm.seeds, adaptation=adaptation, **self._how)
        if way and self._stopped and self._is_without_source:
            return replace(found, no_gain=way.sentences(self._stopped))
        return replace(found, tuning=(way.sentence, *found.tuning)) if way else found

    @property
    def _is_without_source(self) -> bool:
        """Whether no pretraining is the answer."""
        return self._stopped is not None and self._stopped.answer is None and not self._answer

    @property
    def _request(self) -> ConfirmationRecord:
        confirm, finalists = self.file.confirm, tuple(trial.number for trial in find_finalists(self._trials))
        stopped = self._stopped is not None
        if self._crosses:
            return ConfirmationRecord(
                self.best.number,
                seeds=confirm.repeats,
                finalists=finalists,
                controls=tuple(confirm.controls),
                folds=confirm.folds,
                repeats=confirm.repeats,
                **self._deep_union,
                stopped=stopped,
            )
        return ConfirmationRecord(
            self.best.number,
            confirm.seeds,
            tuple(confirm.variants),
            finalists if "ensemble-teacher" in confirm.variants else (),
            tuple(confirm.controls),
            confirm.tuning,
            **self._deep_union,
            stopped=stopped,
        )

    @property
    def _confirmer(self) -> Confirmer:
        """Of a test part; the file as it is says whether mixtures are fine-tuned, whatever head the labels choose."""
        return build_confirmer(
            self._settings, self.prepared, self.cache, fine_tunes_mixtures=self.file.fine_tunes_mixtures
        )

    @property
    def _settings(self) -> StudyFile:
        """The settings of the rows, which have all heads that may be chosen."""
        if not self._is_open:
            return self.file
        return self.file.with_adaptation(AUTOMATIC if self._crosses else SELF_TRAINED)

    @property
    def _is_open(self) -> bool:
        """Whether the labels choose the head."""
        without_source = self._stopped is not None and self._stopped.answer is None
        return without_source or self.file.recipe.adaptation == AUTOMATIC

    @property
    def _fixed(self) -> str:
        """The baseline that is the best mixture whatever the errors (`FoldBuilder.fixed`); empty if they tell."""
        if self.best.number == NO_TRIAL:
            return CLOUD
        return POOLED if self._stopped and self._stopped.answer is not None else ""

    @property
    def _crosses(self) -> bool:
        return self.prepared.target.judges_itself

    @property
    def _how(self) -> dict[str, Any]:
        same = {"seed": self.file.study.seed, "jobs": self.file.search.jobs, "progress": self.progress}
        return {**same, "answer": self._answer}

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(source.name for source in self.prepared.anchors.sources)

    @cached_property
    def _trials(self) -> tuple[TrialRecord, ...]:
        return self.store.trials()

    @cached_property
    def _stopped(self) -> NoGain | None:
        return self.search.find_no_gain()

    @cached_property
    def _union(self) -> UnionPath | None:
        """The deep union, if the study asks for it; trained at first use."""
        if not self._union_stages:
            return None
        self.progress.event(StageStarted("deep union"))
        with self._timed("deep union"), one_thread():
            return UnionPath.of(self.file, self.prepared.collection, self.cache)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.store.add_seconds(stage, time.perf_counter() - start)

    @property
    def _union_stages(self) -> int:
        return int(self.file.recipe.settings["union_stages"])

    @property
    def _deep_union(self) -> dict[str, Any]:
        """What a `ConfirmationRecord` says of it."""
        return {"union_stages": self._union_stages, "union_trainings": TRAININGS} if self._union_stages else {}

    @cached_property
    def _folds(self) -> FoldBuilder:
        """Makes the rows of a cross-fitting."""
        points = (self.best.point, *(trial.point for trial in find_finalists(self._trials)))
        roles, found = tuple(self.search.baselines), augmentation_by_mixture(self._trials)
        return FoldBuilder(
            self._settings,
            self.prepared,
            self.space,
            self.cache,
            points,
            roles,
            self._fixed,
            found,
            self.file.fine_tunes_mixtures,
            self._union,
        )

    @cached_property
    def _rows(self) -> tuple[RowRequest, ...]:
        """The rows of a confirmation on the test part."""
        baselines = choose_confirmed(self.search.baselines, errors_by_mixture(self._trials), len(self._names))
        points = [trial.point for trial in find_finalists(self._trials)]
        rows = build_rows(
            self.file,
            self.prepared,
            self.cache,
            self.best.point,
            points,
            baselines,
            self._trials,
            is_searched=not self._fixed,
        )
        return (*rows, *self._union_rows)
