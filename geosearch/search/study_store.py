"""StudyStore: the database of a study, read and written as typed records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from geosearch.errors import StorageError, StudyMismatchError
from geosearch.runtime.redact import mask
from geosearch.search.fingerprint import find_changed, find_differences, format_setting
from geosearch.search.process import ProcessId
from geosearch.search.space import Space
from geosearch.search.storage.errors import check_readable, translate_errors
from geosearch.search.storage.sqlite import check_file, exclusive_access
from geosearch.search.storage.urls import storage_at
from geosearch.search.study_record import HEADER, StudyRecord, check_format
from geosearch.search.trial_facts import Claim, LongRuns, fact_of, is_interrupted, is_proposed, place_of
from geosearch.search.trial_record import TrialRecord, record_of

optuna.logging.set_verbosity(optuna.logging.ERROR)  # failed trials are reported as events, with their reasons


@dataclass(frozen=True)
class RunningTrial:
    """A trial that is being evaluated, and where."""

    number: int
    host: str
    pid: int


@dataclass(frozen=True, eq=False)
class StudyStore:
    """An open study database.

    Attributes:
        study: the Optuna study; user attributes hold what Optuna has no field for.
        space: how parameters and weights correspond.
        url: the database's address.
        storage: the connection that `study` uses.
        fingerprint: every setting that results depend on, as the study was opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = StudyStore.open(f"sqlite:///{folder}/study.db", "toy", {"study.seed": 0}, Space(3))
    ...     store.add_seconds("evaluations", 1.5)
    ...     store.record.stage_seconds["evaluations"], store.trials()
    (1.5, ())
    """

    study: optuna.Study
    space: Space
    url: str
    storage: optuna.storages.BaseStorage
    fingerprint: Mapping[str, Any]

    @classmethod
    def open(cls, url: str, name: str, fingerprint: Mapping[str, Any], space: Space) -> StudyStore:
        """Create the study, or load it.

        Args:
            url: an SQLAlchemy address, e.g. sqlite:///studies/mnist.db.
            name: the study's name.
            fingerprint: every setting that results depend on, flat: 'section.key' -> value.
            space: the search space.

        Raises:
            StorageError: the database cannot be reached, read or written.
            StudyMismatchError: it holds another study, or this one with other settings.
        """
        with check_readable(url):
            check_file(url)
            storage = storage_at(url)
            known = optuna.get_all_study_names(storage)
            if known and name not in known:
                raise StudyMismatchError(
                    f"{mask(url)} holds the study '{known[0]}', not '{name}'; "
                    "give this study a file of its own with --storage or study.name"
                )
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="minimize",
                load_if_exists=True,
            )
            store = cls(study, space, url, storage, dict(fingerprint))
            if not check_format(study.user_attrs, mask(url)):
                store.update(fingerprint=store.fingerprint)
            elif find_differences(store.record.fingerprint, fingerprint):
                store._restart()
        return store

    def _restart(self) -> None:
        """Restart a study without trials with the settings that it was opened with.

        Raises:
            StorageError: a search has exclusive access to the SQLite file.
            StudyMismatchError: the study has trials or running workers.
        """
        if self.is_begun:
            return self.verify_settings()
        with exclusive_access(self.url):
            if self.is_begun:  # meanwhile
                return self.verify_settings()
            for key in self.study.user_attrs:
                if key != HEADER:
                    self.set_meta(key, None)
            self.update(fingerprint=self.fingerprint)  # last: whoever is killed before leaves the old settings

    def verify_settings(self) -> None:
        """Check that the study has the settings that it was opened with; before it begins, others may restart it.

        Raises:
            StudyMismatchError: the settings differ.
        """
        kept, asked = self.record.fingerprint, self.fingerprint
        if keys := find_differences(kept, asked):
            raise StudyMismatchError(
                f"{mask(self.url)} was made with other settings, so its trials cannot be compared with new ones:"
                + "".join(
                    f"\n  {key}: {format_setting(kept, key)} in the study, {format_setting(asked, key)} now"
                    for key in keys
                )
                + "\nset them back, give the study another name, or start anew with --force-new (the old file is "
                "renamed)"
            )

    @property
    def is_begun(self) -> bool:
        """Whether settings and data are fixed: the search has begun, or test labels have been used."""
        return self.is_searched or self.record.confirmation is not None

    @property
    def is_searched(self) -> bool:
        """Whether there are trials, or workers that are about to start one."""
        return bool(self.study.get_trials(deepcopy=False)) or self.is_shared

    @property
    def is_shared(self) -> bool:
        """Whether several processes evaluate trials of the study, or have done so; never becomes False again."""
        return self.record.shared

    def share(self) -> None:
        """Mark the study as shared, for all processes that search it."""
        if not self.is_shared:
            self.update(shared=True)

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study.study_name

    @property
    def record(self) -> StudyRecord:
        """What the database stores of the study besides its trials.

        Raises:
            StorageError: the database cannot be read, or holds something else.
        """
        with check_readable(self.url):
            return StudyRecord.from_attributes(self.study.user_attrs)

    def update(self, **changes: Any) -> None:
        """Write some fields of the record; the others are not changed.

        Args:
            changes: fields of `StudyRecord` with their new values.
        """
        for key, value in StudyRecord(**changes).to_attributes(*changes).items():
            self.set_meta(key, value)

    def trials(self) -> tuple[TrialRecord, ...]:
        """All trials that ended, in the order of their proposals; interrupted ones are left out.

        Raises:
            StorageError: the database cannot be read, or holds something else.
        """
        with check_readable(self.url):
            long_runs = self.record.long_runs
            found = [
                record_of(trial, self.space, long_runs.get(trial.number))
                for trial in self.study.get_trials(deepcopy=False)
                if trial.state.is_finished() and not is_interrupted(trial)
            ]
            return tuple(sorted(found, key=lambda trial: (trial.round, trial.index)))

    def running(self) -> tuple[RunningTrial, ...]:
        """Running trials, except those whose process is known to have ended."""
        with check_readable(self.url):
            found = _running_trials(self.study)
        return tuple(RunningTrial(trial.number, process.host, process.pid) for trial, process in found)

    def fail_running(self, process: ProcessId | None = None) -> None:
        """Mark trials that killed processes left running as failed, so that their proposals are evaluated again.

        Args:
            process: only trials of this process; all if None.
        """
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            claim = fact_of(trial, Claim)
            if process is None or (claim and claim.process == process):
                self.study.tell(trial.number, state=TrialState.FAIL)

    def interrupted_proposals(self) -> dict[tuple[int, int], dict[str, Any]]:
        """(round, index) -> parameters of the proposal at this place whose evaluation was interrupted."""
        return {
            place_of(trial): trial.params
            for trial in self.study.get_trials(deepcopy=False)
            if is_interrupted(trial) and is_proposed(trial)
        }

    def add_long_runs(self, found: Mapping[int, LongRuns]) -> None:
        """Store trainings with the long recipe: trial number -> runs; all in one transaction."""
        self.update(long_runs={**self.record.long_runs, **found})

    def set_meta(self, key: str, value: Any) -> None:
        """Set a user attribute of the Optuna study to a JSON-representable value."""
        with translate_errors(self.url):
            self.study.set_user_attr(key, value)

    def get_or_compute(self, name: str, compute: Callable[[], Any]) -> Any:
        """A field of the record; computed and stored if it is None."""
        if (known := getattr(self.record, name)) is None:
            self.update(**{name: (known := compute())})
        return known

    def verify_datasets(self, contents: Mapping[str, str]) -> None:
        """Check that the data sets are those of the study's trials; a study without trials accepts new ones.

        Args:
            contents: data set -> content hash; the target first, then the sources in their order.

        Raises:
            StudyMismatchError: a data set has changed.
        """
        known = self.get_or_compute("contents", lambda: dict(contents))
        strange = find_changed(known, contents)
        if strange and not self.is_begun:
            self.update(
                debiased_design=None, free_answer=None, baselines=None, source_gradient=None, source_weights=None
            )
            self.update(contents=dict(contents))
        elif strange:
            raise StudyMismatchError(
                f"{', '.join(strange)}: the data are not those that the study in {mask(self.url)} was begun with, so "
                "its trials cannot be compared with new ones; put the old data back, or start anew with --force-new "
                "(the old file is renamed)"
            )

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Add to the wall time of a stage, over all runs of the study."""
        stages = self.record.stage_seconds
        self.update(stage_seconds={**stages, stage: stages.get(stage, 0.0) + seconds})


def is_in_use(storage: optuna.storages.BaseStorage) -> bool:
    """Whether others may use the SQLite file to which this process has exclusive access.

    Nobody searches a study in it that is not shared. It is on one machine: who used it before a restart has ended.
    """
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        record = StudyRecord.from_attributes(study.user_attrs)
        users = [process for _, process in _running_trials(study)]
        if record.searching and not record.searching.has_ended:
            users.append(record.searching)
        if record.shared and not all(process.is_from_before_restart for process in users):
            return True
    return False


def stored_settings(url: str) -> tuple[str, Mapping[str, Any]]:
    """Name and settings of the study in a database, read without locking it.

    Raises:
        StorageError: there is no database, or it holds no study of geosearch.
    """
    with check_readable(url):
        check_file(url, must_exist=True)
        storage = storage_at(url)
        for summary in optuna.get_all_study_summaries(storage):
            if check_format(summary.user_attrs, mask(url)):
                record = StudyRecord.from_attributes(summary.user_attrs)
                if record.settings is not None:
                    return summary.study_name, record.settings
    raise StorageError(f"{mask(url)} holds no study of geosearch; run 'geosearch search STUDY.toml' first")


def _running_trials(study: optuna.Study) -> list[tuple[FrozenTrial, ProcessId]]:
    """Running trials and their processes, except processes that are known to have ended."""
    found = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    claims = [(trial, fact_of(trial, Claim)) for trial in found]
    return [(trial, claim.process) for trial, claim in claims if claim and not claim.process.has_ended]
