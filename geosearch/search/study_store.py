"""StudyStore: what a study keeps in its database, opened with care, reaped after a crash, read as plain facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from geosearch.errors import StorageError, StudyMismatchError
from geosearch.runtime.redact import masked
from geosearch.search.crew import busy
from geosearch.search.fidelity.pruner import PROXY_RUNG, RungPruner
from geosearch.search.fingerprint import changed, differing, said
from geosearch.search.space import Space
from geosearch.search.storage.errors import check_readable, translate_errors
from geosearch.search.storage.sqlite import alone, check_file
from geosearch.search.storage.urls import storage_at
from geosearch.search.trial import TrialRecord

optuna.logging.set_verbosity(optuna.logging.WARNING)

FORMAT = 2  # of what is written into a study's database
UNFINISHED = (TrialState.RUNNING, TrialState.WAITING)


@dataclass(frozen=True)
class Abandoned:
    """A proposal that was cut off: its parameters, and whether it had been let through to its training."""

    params: dict[str, Any]
    admitted: bool


@dataclass(frozen=True, eq=False)
class StudyStore:
    """An open study database.

    Attributes:
        study: the Optuna study; its trials' user attributes hold what Optuna has no place for.
        space: how parameters and weights correspond.
        url: the database's address.
    """

    study: optuna.Study
    space: Space
    url: str

    @classmethod
    def open(cls, url: str, name: str, fingerprint: Mapping[str, Any], space: Space) -> StudyStore:
        """Create the study, or go on with it.

        Args:
            url: an SQLAlchemy address, e.g. sqlite:///studies/mnist.db.
            name: the study's name.
            fingerprint: every setting that the numbers depend on, flat.
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
                    f"{masked(url)} holds the study '{known[0]}', not '{name}'; "
                    "give this study a file of its own with --storage or study.name"
                )
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="minimize",
                load_if_exists=True,
                pruner=RungPruner(),
            )
            store = cls(study, space, url)
            kept = store.get_meta("geosearch")
            if kept is not None:
                _check_format(kept, masked(url))
            if kept is None or store._takes(kept["fingerprint"], fingerprint):
                store.set_meta("geosearch", {"format": FORMAT, "fingerprint": dict(fingerprint)})
        return store

    def _takes(self, kept: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
        """Whether the study is begun anew with the settings that it is asked for, having no trial yet.

        Raises:
            StudyMismatchError: it has trials, or somebody at work, and other settings.
        """
        keys = differing(kept, asked)
        if not keys:
            return False
        if self.is_begun:
            raise StudyMismatchError(
                f"{masked(self.url)} was made with other settings, so its trials cannot be compared with new ones:"
                + "".join(f"\n  {key}: {said(kept, key)} in the study, {said(asked, key)} now" for key in keys)
                + "\nset them back, give the study another name, or start anew with --force-new (the old file is kept "
                "aside)"
            )
        with alone(self.url):
            self._forget(*self.study.user_attrs)
        return True

    @property
    def is_begun(self) -> bool:
        """Whether anything hangs on settings and data: a trial, or somebody who may be about to make one."""
        return bool(self.study.get_trials(deepcopy=False)) or busy(self.study._storage)

    def _forget(self, *keys: str) -> None:
        for key in keys:
            self.set_meta(key, None)

    @property
    def name(self) -> str:
        return self.study.study_name

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """Every setting that the numbers depend on, flat, as the study was begun with them."""
        kept: Mapping[str, Any] = self.get_meta("geosearch")["fingerprint"]
        return kept

    def trials(self) -> tuple[TrialRecord, ...]:
        """All trials that ended, reaped ones left out, in the order of their proposals.

        Raises:
            StorageError: the database cannot be read, or holds something else.
        """
        with check_readable(self.url):
            notes = self.get_meta("notes", {})
            found = [
                self._facts(trial, notes.get(str(trial.number), {}))
                for trial in self.study.get_trials(deepcopy=False)
                if trial.state.is_finished() and not given_up(trial)
            ]
            return tuple(sorted(found, key=lambda trial: (trial.round, trial.index)))

    def live(self) -> list[FrozenTrial]:
        """Proposals that are being evaluated, or wait for a worker; none between the rounds of a lone search."""
        found = self.study.get_trials(deepcopy=False, states=UNFINISHED)
        return [trial for trial in found if "proposal" in trial.user_attrs]

    def reap(self) -> int:
        """Fail the trials that killed processes left unfinished; their proposals will be made again."""
        for trial in (stale := self.study.get_trials(deepcopy=False, states=UNFINISHED)):
            self.study._storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
        return len(stale)

    def abandoned(self) -> dict[tuple[int, int], Abandoned]:
        """(round, index) -> the reaped proposal of that place that had been asked for in full."""
        return {
            place_of(trial): Abandoned(trial.params, trial.user_attrs.get("admitted", False))
            for trial in self.study.get_trials(deepcopy=False)
            if given_up(trial) and "proposal" in trial.user_attrs
        }

    def note(self, facts: Mapping[int, Mapping[str, Any]]) -> None:
        """Add facts to finished trials, which Optuna keeps closed; all at once."""
        notes = self.get_meta("notes", {})
        fresh = {str(number): {**notes.get(str(number), {}), **found} for number, found in facts.items()}
        self.set_meta("notes", {**notes, **fresh})

    def set_meta(self, key: str, value: Any) -> None:
        """Keep a JSON-representable fact of the whole study."""
        with translate_errors(self.url):
            self.study.set_user_attr(key, value)

    def get_meta(self, key: str, default: Any = None) -> Any:
        """What `remember` kept."""
        with check_readable(self.url):
            kept = self.study.user_attrs.get(key)
        return default if kept is None else kept

    def get_or_compute(self, key: str, find: Callable[[], Any]) -> Any:
        """What the study remembers under a key; found out, and remembered, if it does not."""
        if (known := self.get_meta(key)) is None:
            self.set_meta(key, known := find())
        return known

    def verify_datasets(self, contents: Mapping[str, str]) -> None:
        """Refuse data that are not those that the study was begun with; without a trial they are begun with.

        Args:
            contents: what was loaded -> fingerprint; the target first, then the sources in their order.

        Raises:
            StudyMismatchError: something is not what it was.
        """
        known = self.get_or_compute("contents", lambda: dict(contents))
        strange = changed(known, contents)
        if strange and not self.is_begun:
            self._forget("looks", "source_gradient")
            self.set_meta("contents", dict(contents))
        elif strange:
            raise StudyMismatchError(
                f"{', '.join(strange)}: the data are not those that the study in {masked(self.url)} was begun with, so "
                "its trials cannot be compared with new ones; put the old data back, or start anew with --force-new "
                "(the old study is kept aside)"
            )

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Add to the time that a stage of the study has taken so far, over all its runs."""
        stages = self.get_meta("stages", {})
        self.set_meta("stages", {**stages, stage: stages.get(stage, 0.0) + seconds})

    def _facts(self, trial: FrozenTrial, notes: Mapping[str, Any]) -> TrialRecord:
        proposal, result = trial.user_attrs["proposal"], trial.user_attrs.get("result", {})
        point = self.space.weights_of(trial.params)
        return TrialRecord(
            number=trial.number,
            state={TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}.get(trial.state, "failed"),
            role=proposal["role"],
            weights=point.values,
            concentration=point.concentration,
            pairing=point.pairing,
            closed_form=float(proposal["closed_form"]),
            held_out_otdd=_number(trial.intermediate_values.get(PROXY_RUNG)),
            error=_number(trial.value) if trial.state == TrialState.COMPLETE else None,
            top1_error=_number(result.get("top1_error")),
            long_error=_number(notes.get("long_error")),
            long_deviation=_number(notes.get("long_deviation")),
            long_runs=int(notes.get("long_runs", 0)),
            long_seconds=float(notes.get("long_seconds", 0.0)),
            expected_error=_number(notes.get("expected_error")),
            proxy_seconds=float(trial.user_attrs.get("proxy_seconds", 0.0)),
            closed_seconds=float(proposal.get("closed_seconds", 0.0)),
            wall_seconds=float(result.get("wall_seconds", 0.0)),
            round=int(proposal["round"]),
            index=int(proposal["index"]),
            reason=trial.user_attrs.get("failure", trial.user_attrs.get("reason", "")),
        )


def place_of(trial: FrozenTrial) -> tuple[int, int]:
    """Round of a proposal, and its place in it."""
    return trial.user_attrs["proposal"]["round"], trial.user_attrs["proposal"]["index"]


def stored_settings(url: str) -> tuple[str, Mapping[str, Any]]:
    """Name and settings of the study in a database, without opening it for a search.

    Raises:
        StorageError: nothing there, or not a study of geosearch.
    """
    with check_readable(url):
        check_file(url, must_exist=True)
        storage = storage_at(url)
        for summary in optuna.get_all_study_summaries(storage):
            if settings := summary.user_attrs.get("settings"):
                _check_format(summary.user_attrs["geosearch"], masked(url))
                return summary.study_name, settings
    raise StorageError(f"{masked(url)} holds no study of geosearch; run 'geosearch search STUDY.toml' first")


def _check_format(kept: Mapping[str, Any], where: str) -> None:
    if kept["format"] > FORMAT:
        raise StudyMismatchError(
            f"{where} was written by a newer geosearch (format {kept['format']}, this one reads up to {FORMAT}); "
            "upgrade geosearch with pip install --upgrade geosearch"
        )
    if kept["format"] < FORMAT:
        raise StudyMismatchError(
            f"{where} was written by an older geosearch (format {kept['format']}, this one reads {FORMAT}); "
            "finish it with the version that began it, or start anew with --force-new (the old file is kept aside)"
        )


def given_up(trial: FrozenTrial) -> bool:
    """A trial that failed on its own account says so; one that was cut off does not."""
    return trial.state == TrialState.FAIL and "failure" not in trial.user_attrs


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
