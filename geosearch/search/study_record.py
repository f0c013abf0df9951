"""StudyRecord: what a database stores of a study besides its trials, in user attributes of the Optuna study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, get_type_hints

from geosearch.errors import NewerFormatError, StudyMismatchError
from geosearch.runtime.json_records import from_json, to_json
from geosearch.search.free_answer import FreeAnswer
from geosearch.search.no_gain import NoGain
from geosearch.search.process import ProcessId
from geosearch.search.samplers.hypergradient import FoundWeights
from geosearch.search.samplers.prior import ProxyDesign
from geosearch.search.samplers.warm_start import EarlierStudy
from geosearch.search.trial_facts import LongRuns

FORMAT = 3  # of the attributes of studies and trials; 1 and 2 were written by geosearch 0.1
HEADER = "geosearch"  # where every format keeps its number
_IN_HEADER = ("format", "fingerprint")  # kept together, in one transaction


@dataclass(frozen=True)
class Race:
    """How far the race of the finalists is.

    Attributes:
        trials: numbers of the finalists, the smallest expected error first.
        repeats: long trainings per finalist that the budget has.
        over: whether it has ended.
    """

    trials: tuple[int, ...]
    repeats: int
    over: bool = False

    def is_same(self, other: Race) -> bool:
        """Whether it is a race of the same trials with the same budget; progress is not compared."""
        return (self.trials, self.repeats) == (other.trials, other.repeats)


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """What a database stores of a study besides its trials; every field is a user attribute of the Optuna study.

    Attributes:
        format: version of this record and of `TrialRecord`.
        fingerprint: every setting that the numbers depend on, flat: 'section.key' -> value.
        settings: the study file.
        evaluations: the budget, where it was raised above that of the study file.
        contents: data set -> content hash; the target first, then the sources in their order.
        sources: the sources' names in the order of the weights.
        passed_over: (data set, what of it was not used and why, or how it was understood), where there is such.
        debiased_design: the proxy of a few mixtures, prior knowledge of the sampler; "proxy_design", from before the
            proxy was debiased, is not read.
        free_answer: the mixture that needs no training; None before the data are prepared.
        baselines: roles of the baselines that are trained, in their order; None before the study begins.
        source_gradient: (m,) derivative of an error in the weights of the sources.
        source_weights: weights of the sources that the sampler "hypergradient" starts from, and what they cost.
        earlier: evaluations of earlier studies, as they were when this study began.
        task_similarity: earlier study -> Kendall's tau of its predictions with this study's errors.
        race: of the finalists.
        no_gain: why the search ended after its baselines; None if it did not.
        long_runs: trial number -> its trainings with the long recipe.
        stage_seconds: stage -> wall time over all runs.
        ablation: the best mixture without each of its sources, by `confirmation.ablation.Ablation`.
        shared: whether several processes evaluate trials of the study, or have done so.
        searching: the process that searches the study, where no file lock tells: it is shared, or not in a SQLite file.
        confirmation: errors on the test part, by `confirmation.record.ConfirmationRecord`.
        data_facts: what the report says of the data, by `report.data_facts.DataFacts`.

    >>> record = StudyRecord(fingerprint={"study.seed": 0}, sources=("mnist", "usps"))
    >>> StudyRecord.from_attributes(record.to_attributes()) == record
    True
    """

    format: int = FORMAT
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] | None = None
    evaluations: int = 0
    contents: Mapping[str, str] | None = None
    sources: tuple[str, ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()
    debiased_design: ProxyDesign | None = None
    free_answer: FreeAnswer | None = None
    baselines: tuple[str, ...] | None = None
    source_gradient: tuple[float, ...] | None = None
    source_weights: FoundWeights | None = None
    earlier: tuple[EarlierStudy, ...] | None = None
    task_similarity: Mapping[str, float] = field(default_factory=dict)
    race: Race | None = None
    no_gain: NoGain | None = None
    long_runs: Mapping[int, LongRuns] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    ablation: Mapping[str, Any] | None = None
    confirmation: Mapping[str, Any] | None = None
    data_facts: Mapping[str, Any] | None = None
    shared: bool = False
    searching: ProcessId | None = None

    def stops(self, evaluations: int) -> bool:
        """Whether the search has ended after its baselines, with a budget of so many evaluations."""
        return self.no_gain is not None and self.no_gain.evaluations >= evaluations and not self.shared

    def to_attributes(self, *names: str) -> dict[str, Any]:
        """Some fields as user attributes of the Optuna study; all fields that are not empty if no names are given."""
        chosen = names or [one.name for one in fields(self) if getattr(self, one.name) not in (None, (), {}, False)]
        kept = {name: to_json(_types()[name], getattr(self, name)) for name in chosen if name not in _IN_HEADER}
        if set(chosen) & set(_IN_HEADER):
            kept[HEADER] = {"format": self.format, "fingerprint": dict(self.fingerprint)}
        return kept

    @classmethod
    def from_attributes(cls, kept: Mapping[str, Any]) -> StudyRecord:
        """The record that user attributes hold.

        Raises:
            ValueError: a field has the wrong type.
        """
        flat = {**kept.get(HEADER, {}), **{key: value for key, value in kept.items() if value is not None}}
        flat |= {name: _with_test_size(flat[name]) for name in ("fingerprint", "settings") if flat.get(name)}
        return cls(**{name: from_json(kind, flat[name]) for name, kind in _types().items() if name in flat})


def check_format(kept: Mapping[str, Any], where: str) -> bool:
    """Refuse the user attributes of a study in another format; False if geosearch has not written any yet.

    Raises:
        NewerFormatError: they were written by a newer version.
        StudyMismatchError: they were written by version 0.1.
    """
    if (header := kept.get(HEADER)) is None:
        return False
    if (found := header["format"]) > FORMAT:
        raise NewerFormatError.at(where, found=found, known=FORMAT)
    if found < FORMAT:
        raise StudyMismatchError(
            f"{where} was written by geosearch 0.1 (format {found}, this version reads format {FORMAT}); finish it "
            "with version 0.1, or start anew with --force-new (the old file is renamed)"
        )
    return True


def _with_test_size(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the number of test images as `domain.test_size`; it was `domain.test` before that named a set."""
    found = {name: _with_test_size(keys) if name == "domain" else keys for name, keys in settings.items()}
    for key in ("test", "domain.test"):
        if isinstance(found.get(key), int):
            found[f"{key}_size"] = found.pop(key)
    return found


@cache
def _types() -> dict[str, Any]:
    """Field -> its type."""
    return get_type_hints(StudyRecord)
