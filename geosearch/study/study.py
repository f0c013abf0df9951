"""Study: from a study file to trials, confirmation, mixture and report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from geosearch.config.build import build_mixing_space, build_search_space
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.ablation import Ablation, explain
from geosearch.confirmation.confirmation import Confirmation
from geosearch.data.collection import DatasetCollection
from geosearch.data.writers.base import Writer
from geosearch.data.writers.image_folder import ImageFolderWriter
from geosearch.errors import GeosearchError, InvalidOptionError, UnknownDatasetError
from geosearch.mixture.spaces.base import MixingSpace
from geosearch.mixture.spaces.custom import CustomSpace
from geosearch.model.trained_model import TrainedModel
from geosearch.report.data_facts import DataFacts
from geosearch.report.status import status_of
from geosearch.report.summary import StudyReport, StudySummary, collect
from geosearch.runtime.atomic import backup_existing, check_out
from geosearch.runtime.cache import Cache
from geosearch.runtime.events import (
    BaselinesChosen,
    FilesPassedOver,
    FreeAnswerFound,
    ImagesPassedOver,
    ModelNotKept,
    StageStarted,
    StopIgnored,
    TargetNoted,
)
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import LOGGER, Log, Progress
from geosearch.runtime.redact import mask_all
from geosearch.runtime.versions import versions
from geosearch.search.loop import Search
from geosearch.search.racing import find_best, find_ties
from geosearch.search.storage.errors import translate_errors
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_record import TrialRecord
from geosearch.search.worker import Worker
from geosearch.study.baselines import find_single_sources
from geosearch.study.build_search import build_search
from geosearch.study.export import Export
from geosearch.study.kept_model import KeptModel, answer_key
from geosearch.study.local_workers import LocalWorkers, search_access, search_shared, share_if_joined, worker_access
from geosearch.study.locate import backup_study, command_line_name, resolve, update_settings
from geosearch.study.missing_data import explain_missing_data
from geosearch.study.prepare import Prepared, passed_over, prepare
from geosearch.study.study_confirmation import StudyConfirmation
from geosearch.study.take_away import TakeAway, choose_row
from geosearch.study.union_training import UnionTraining


class Study:
    """A search for the best data set to pretrain on; it is stored in a database and can be resumed.

    >>> study = Study.open("quickstart")
    >>> study.name, study.trials
    ('quickstart', ())
    >>> study.run()                                        # doctest: +SKIP
    >>> study.best.weights, study.confirmation.verdict()   # doctest: +SKIP
    """

    def __init__(
        self, file: StudyFile, store: StudyStore, space: MixingSpace, cache: Cache, progress: Progress
    ) -> None:
        self.file = file
        self.store = store
        self.space = space
        self.cache = cache
        self.progress = progress
        self._keeps_time = True

    @classmethod
    def open(
        cls,
        study: str | Path | StudyFile,
        *,
        storage: str | None = None,
        force_new: bool = False,
        must_exist: bool = False,
        space: CustomSpace | None = None,
        cache: Cache | None = None,
        progress: Progress | None = None,
    ) -> Study:
        """Create a study, or open an existing one.

        Args:
            study: a study file; the name of an existing study (studies/<name>.db), of a study file in studies/ or of
                an example ("quickstart"); a database file or address; or a `StudyFile`.
            storage: database address; overrides the study file's.
            force_new: rename an existing SQLite file and start anew.
            must_exist: raise an error if there is no database, instead of creating it.
            space: a custom mixing space, in place of `transport.space`; the study has to be opened with the same
                space every time.
            cache: where anchors, encoders and evaluations are stored; the default cache if None.
            progress: listens to the run; the log if None.

        Raises:
            InvalidOptionError: the study file is invalid, or there is no such study.
            StorageError: the database cannot be used.
            StudyMismatchError: the database holds another study, or this one with other settings.
            NewerFormatError: a newer version of geosearch wrote the database.
        """
        file, address = resolve(study, storage, must_exist=must_exist)
        if force_new:
            backup_study(address)
        fingerprint = file.fingerprint if space is None else {**file.fingerprint, "transport.space": space.key}
        store = StudyStore.open(address, file.study.name, fingerprint, build_search_space(file))
        record = store.record
        if record.settings is None:
            store.update(settings=file.model_dump(mode="json", exclude={"search": {"storage"}}))
        if record.evaluations > file.search.evaluations:
            file = file.with_search(evaluations=record.evaluations)
        return cls(file, store, space or build_mixing_space(file), cache or Cache.default(), progress or Log())

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.file.study.name

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """Every trial that ended, in the order of the proposals."""
        return self.store.trials()

    @property
    def best(self) -> TrialRecord:
        """The best trial so far; the free answer if `search.evaluations` is 0.

        Raises:
            GeosearchError: no trial is complete.
        """
        summary = self.summary()
        return summary.best or find_best(summary.trials)

    @property
    def ties(self) -> tuple[TrialRecord, ...]:
        """Finalists whose difference from the best trial is within the noise."""
        return find_ties(self.store.trials())

    @property
    def confirmation(self) -> Confirmation | None:
        """Errors of the best trial and the baselines on the test part; None if the best trial is not confirmed yet."""
        return self.summary().confirmation

    def run(self, *, evaluations: int | None = None, workers: int = 0) -> Confirmation:
        """Search until the budget is spent, then confirm; continues where an earlier run stopped.

        With a budget of 0 nothing is searched, and the free answer is confirmed.

        Args:
            evaluations: a new total budget, if larger than the present one.
            workers: number of worker processes on this machine that evaluate trials, asynchronously; 0: this process
                evaluates them, and results are deterministic.

        Raises:
            InvalidOptionError: the budget is too small for the baselines.
            StorageError: another process is searching the study, or the database cannot be used.
            StudyMismatchError: a data set has changed.
            GeosearchError: several trainings in a row failed.
        """
        if evaluations is not None and evaluations > self.file.search.evaluations:
            self.file = self.file.with_search(evaluations=evaluations)
        settings = self.store.record.settings
        if settings is not None and self.file.search.evaluations > settings["search"]["evaluations"]:
            self.store.update(evaluations=self.file.search.evaluations)  # for those who open the study by its name
        with search_access(self.store, workers=workers), translate_errors(self.store.url):
            self.file.require_budget()
            self.file = self.file.with_search(jobs=max(workers, self.file.search.jobs))
            job = build_search(self.file, self.prepared, self.store, self.cache, self.progress)
            self._announce(job)
            if job.options.stops and (workers or self.store.is_shared):
                self.progress.event(StopIgnored())
            self._train_deep_union()
            if self.file.search.evaluations:
                self._search(job, workers)
            confirmation = self._confirmation(job)
            if self.file.confirm.explain and not job.find_no_gain() and not confirmation.is_by_union:
                self._explain(job)
            return confirmation.run()

    def _announce(self, search: Search) -> None:
        """Report the free answer, and the single sources that will not be trained, before the first training."""
        names, free = self.source_names, self.store.record.free_answer
        if free is None or self.store.is_searched:
            return
        weights = dict(zip(names, free.values, strict=True))
        self.progress.event(FreeAnswerFound(weights, free.closed_form, free.proxy, free.sentence(names)))
        trained = find_single_sources(search.baselines, names).values()
        if self.file.search.evaluations and (rest := tuple(name for name in names if name not in trained)):
            self.progress.event(BaselinesChosen(tuple(search.baselines), len(names), rest))

    def _train_deep_union(self) -> None:
        """Before the search: nothing of it depends on a trial, and memory is free for it."""
        training = UnionTraining.of(self.file, self.prepared.collection)
        if training is None or not training.missing(self.cache) or self.confirmation is not None:
            return
        with self._stage("deep union"), one_thread():
            training.train(self.cache)

    def _search(self, job: Search, workers: int) -> None:
        share_if_joined(self.store)
        job.spend()
        if self.store.is_shared:
            search_shared(job, self._local_workers(workers, job))
        job.finish()

    def work(self, *, jobs: int = 1) -> None:
        """Evaluate trials until the budget is spent, together with other processes that use the same database.

        Workers may be started and stopped at any time.

        Args:
            jobs: number of processes on this machine.

        Raises:
            StorageError: a search has exclusive access to the study, or the database cannot be used.
            GeosearchError: several trainings in a row failed.
        """
        self._keeps_time = False  # stage times are those of the search, not of its workers
        self.file.require_budget()
        if not self.file.search.evaluations:
            return
        job = build_search(
            self.file, self.prepared, self.store, self.cache, self.progress
        )  # slow, so before the study is locked
        with worker_access(self.store):
            if jobs == 1:
                Worker(job).run()
            else:
                search_shared(job, self._local_workers(jobs, job))

    def _local_workers(self, count: int, job: Search) -> LocalWorkers:
        space = self.space if isinstance(self.space, CustomSpace) else None
        same = {"study": self.file, "storage": self.store.url, "space": space, "cache": self.cache}
        return LocalWorkers(count, Study.open, same, job)

    def synthesize(
        self,
        out: str | Path,
        *,
        size: int = 1000,
        trial: int | None = None,
        condense: int | None = None,
        writer: Writer | None = None,
        rows: bool = False,
    ) -> Path:
        """Write a mixture as a data set with its card.

        A study that mixes activations has no images to write; its mixtures are written as with `rows`.

        Args:
            out: a folder that does not exist yet, or is empty.
            size: number of images.
            trial: number of the trial; the best if None.
            condense: learn so many images per class from the `size` images, and write those instead.
            writer: the format; an image folder if None.
            rows: write rows.csv in place of images: which images of the sources, with which weights, every sample is
                made of. At concentration 0 that is one image each.

        Returns:
            The folder.

        Raises:
            InvalidOptionError: there is no such trial, or `condense` where there are no images.
            OutputExistsError: `out` is not empty.
            StorageError: it cannot be written.
        """
        check_out(Path(out))
        facts = self.best if trial is None else self._trial(trial)
        if rows or self.file.mixes_features:
            if condense is not None:
                raise InvalidOptionError(
                    "images can be condensed, and a list of rows or of activations cannot; leave --condense out"
                )
            return self._export(facts).write_rows(Path(out), size=size, progress=self.progress)
        writer = writer or ImageFolderWriter()
        return self._export(facts).write(Path(out), size=size, condense=condense, writer=writer, progress=self.progress)

    def export_best(self) -> Path:
        """Write the best mixture to studies/<name>/, unless it is there; a folder with another one is renamed."""
        trial, size = self.best, self.file.confirm.export
        out = Path("studies") / self.name / f"{trial.name.replace(' ', '-')}-{size}-images"
        if out.exists() and not self._export(trial).is_written(out):
            backup_existing(out)
        if not out.exists():
            self.synthesize(out, size=size)
        return out

    def model(self, *, row: str | None = None, adaptation: str | None = None) -> TrainedModel:
        """The model of a row of the confirmation, adapted to all labels.

        It is the one that the study keeps (`keep_model`) if that is what is asked for, which needs no data. Otherwise
        it is trained anew, unless the cache has it.

        Args:
            row: name of the row; if None, the study's answer (see `choose_row`).
            adaptation: name of the adaptation; if None, the study's own, unless another is clearly better on the test
                part.

        Raises:
            InvalidOptionError: the study is not confirmed yet, or has no such row or adaptation.
            UnknownDatasetError: it is not kept, and a data set is not where it was.
            StudyMismatchError: it is not kept, and a data set has changed.
            TrainingFailedError: the training failed.
        """
        name, confirmation = command_line_name(self.name, self.store.url), self.confirmation
        if confirmation is None:
            raise InvalidOptionError(
                f"the study '{self.name}' has no confirmation of its best trial yet, which tells what the model is to "
                f"be; run 'geosearch resume {name}' first"
            )
        choice = choose_row(confirmation, row, adaptation)
        contents = dict(self.store.record.contents or {})
        key = answer_key(self.name, confirmation, self.best.point, contents.values(), choice)
        kept = KeptModel(self.name, self.store.url)
        if found := kept.find(key):
            origin = replace(found.facts.provenance, why=choice.why)
            return replace(found, facts=replace(found.facts, provenance=origin))
        try:
            prepared = self.prepared
        except UnknownDatasetError as error:
            raise UnknownDatasetError(
                f"the model of the row '{choice.row}', adapted by {choice.adaptation}, is not kept in {kept}; to train "
                f"it anew a data set is missing: {error}"
            ) from error
        with self._stage("model"):
            job = build_search(self.file, prepared, self.store, self.cache, self.progress)
            confirmer, rows = self._confirmation(job).training()
            made = TakeAway(self.file, prepared, confirmer, rows, confirmation, contents, self.cache, name, key)
            return made.train(choice)

    def keep_model(self) -> Path | None:
        """Keep the model of the study's answer in studies/<name>/model, so that it needs no data any more.

        Nothing is trained or written if it is there; a folder with another one is renamed.

        Returns:
            The folder; None if there is no such model or it cannot be written, which is reported and is no error.
        """
        kept = KeptModel(self.name, self.store.url)
        try:
            return kept.keep(self.model())
        except GeosearchError as error:  # everything else that the study found is not lost
            self.progress.event(ModelNotKept(str(error)))
            return None

    def status(self) -> dict[str, Any]:
        """Progress and results of the study, JSON-representable."""
        return status_of(self.summary())

    def summary(self) -> StudySummary:
        """Progress and results of the study; loads no data set."""
        return StudySummary.of(self.store, budget=self.file.search.evaluations, source_names=self.source_names)

    @property
    def source_names(self) -> tuple[str, ...]:
        """The sources' names in the order of the weights."""
        return self.store.record.sources or tuple(self.file.domain.sources)

    def report(self, out: str | Path | None = None) -> Path:
        """Write the page and its figures; returns the page's path (reports/<study>/index.html)."""
        from geosearch.report.page import write_page

        return write_page(self.facts(), Path(out or Path("reports") / self.name))

    def facts(self) -> StudyReport:
        """The data that the report shows.

        Where the data sets are not at hand, they are what an earlier report showed of them, without images.
        """
        known, anchors, pictures = DataFacts.of(self.store.record), None, None
        try:
            prepared = self.prepared
        except UnknownDatasetError as error:
            if known is None:
                raise
            LOGGER.warning("the report is written from the database alone, without images of the data: %s", error)
        else:
            pictures = prepared.pictures
            anchors, views = prepared.anchors, self.file.recipe.settings["views"]
            found = DataFacts.of_data(prepared.target, anchors, prepared.hull, views)
            if found != known:
                self.store.update(data_facts=found.to_json())
            known = found
        settings = {**self.store.record.fingerprint, "search.evaluations": self.file.search.evaluations}
        return collect(
            self.summary(),
            known,
            anchors=anchors,
            pictures=pictures,
            settings=tuple((key, str(mask_all(value))) for key, value in sorted(settings.items())),
            versions=versions(),
        )

    @cached_property
    def prepared(self) -> Prepared:
        """Load, harmonize, embed, split and map the data sets; slow steps are cached."""
        database = "" if self.store.record.contents is None else self.store.url
        with one_thread(), explain_missing_data(self.file, database):
            prepared = prepare(
                self.file,
                self.space,
                self.cache,
                self._stage,
                loaded=self._datasets_loaded,
                progress=self.progress,
            )
        for note in prepared.target.notes:
            self.progress.event(TargetNoted(prepared.target.name, note))
        self.store.update(sources=tuple(source.name for source in prepared.anchors.sources))
        return prepared

    def _datasets_loaded(self, collection: DatasetCollection) -> None:
        for report in collection.reports:
            for line in report.lines:
                event = ImagesPassedOver if report.remarkable else FilesPassedOver
                self.progress.event(event(report.spec, report.part, line))
        self.store.verify_datasets(collection.contents)
        if (found := passed_over(collection.reports)) != self.store.record.passed_over:
            self.store.update(passed_over=found)
        update_settings(self.store, self.file)

    def _explain(self, search: Search) -> None:
        """Train the best mixture without each of its sources, unless that is done."""
        best, settings = self.best, self.file
        known = Ablation.of(self.store.record)
        if known and known.trial == best.number:
            return
        with self._stage("explanation"), one_thread():
            found = explain(
                best.point,
                self.source_names,
                self.trials,
                hull=search.hull,
                objective=search.objective,
                steps=settings.recipe.steps,
                jobs=settings.search.jobs,
                augmentation=best.augmentation,
            )
            self.store.update(ablation=Ablation(best.number, found).to_json())

    def _confirmation(self, search: Search) -> StudyConfirmation:
        return StudyConfirmation(
            self.file, self.prepared, self.space, self.cache, self.store, search, self.best, self.progress
        )

    def _export(self, trial: TrialRecord) -> Export:
        confirmation = self.confirmation if trial.number == self.best.number else None
        verdict = confirmation.verdict() if confirmation else None
        return Export(self.file, self.prepared, trial, verdict, command_line_name(self.name, self.store.url))

    def _trial(self, number: int) -> TrialRecord:
        for trial in self.trials:
            if trial.number == number:
                return trial
        numbers = [trial.number for trial in self.trials]
        raise InvalidOptionError(f"the study has no trial {number}; it has {numbers[:1]} to {numbers[-1:]}")

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.progress.event(StageStarted(name))
        start = time.perf_counter()
        yield
        if self._keeps_time:
            self.store.add_seconds(name, time.perf_counter() - start)
