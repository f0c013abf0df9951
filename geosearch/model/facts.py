"""ModelFacts: everything about a trained model but its weights, as model.json keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from geosearch.data.preprocessing import Preprocessing


@dataclass(frozen=True)
class SourceShare:
    """A source that the network was pretrained on.

    Attributes:
        name: of the source.
        spec: its specification, without folders.
        weight: its share of the mixture; None where single images of the sources were chosen.
        images, classes: how many it has.
        license: as far as known.
        fingerprint: of its images and labels, as they were loaded.
    """

    name: str
    spec: str
    weight: float | None
    images: int
    classes: int
    license: str
    fingerprint: str


@dataclass(frozen=True)
class Provenance:
    """Where a model is from.

    Attributes:
        study: name of the study.
        target: specification of the target, without folders.
        target_fingerprint: of its images and labels, as they were loaded.
        target_license: as far as known.
        row: of the confirmation.
        why: why this row, in a sentence.
        place: where the network is between the pretrained weights and the trained ones, in words; empty if it is the
            trained one.
        verdict: of the confirmation.
        seed: of the training.
        sources: what the network was pretrained on; empty for one that is trained on the target alone.
        labels: labelled images of each class.
        unlabelled: unlabelled images of the target that the adaptation used.
        unlabelled_set: specification of a set of unlabelled images, without folders; empty if the study names none.
        is_copied: whether there was no unlabelled image, so that copies of the labelled ones stood for them.
        test_error: mean error of this row on the test part, in [0, 1]; None if it was not measured.
        label_error: mean error of this row on labels that it had not seen, in [0, 1]; None with a test part.
        judged_by: which labels these were; empty with a test part.
        half_width: half the 95 % interval of that error, in [0, 1]; None if it is not known.
        balanced_error: the mean over the classes of the error in each, on the same images, in [0, 1]; None if it was
            not measured.
        balanced_half_width: half its 95 % interval; None if it is not known.
        interval: what the intervals are over, in words; empty without any.
        command: writes this model.
        versions: package -> version.
        key: content key of the study's result, and of the row and adaptation; tells whether a model that the study
            keeps is still its answer.
    """

    study: str
    target: str
    target_fingerprint: str = ""
    target_license: str = "unknown"
    row: str = ""
    why: str = ""
    place: str = ""
    verdict: str = ""
    seed: int = 0
    sources: tuple[SourceShare, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    unlabelled_set: str = ""
    is_copied: bool = False
    test_error: float | None = None
    label_error: float | None = None
    judged_by: str = ""
    half_width: float | None = None
    balanced_error: float | None = None
    balanced_half_width: float | None = None
    interval: str = ""
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True)
class ModelFacts:
    """All that a model needs besides arrays, and where it is from.

    Attributes:
        classes: names, in the order of the logits.
        architecture: facts of each network: its name in study files, and its settings.
        is_ensemble: whether probabilities of several networks are averaged.
        preprocessing: what images go through first.
        adaptation: facts of how the network was adapted to the labels.
        temperature: what logits are divided by.
        calibrated_on: labelled images that the temperature was fitted to; 0: it is 1, and nothing is calibrated.
        provenance: where the model is from.
    """

    classes: tuple[str, ...]
    architecture: tuple[Mapping[str, Any], ...]
    is_ensemble: bool
    preprocessing: Preprocessing
    adaptation: Mapping[str, Any]
    temperature: float
    provenance: Provenance
    calibrated_on: int = 0
