"""TakeAway: the model of a confirmed row, trained as the confirmation trained it, ready to predict."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geosearch.adaptation.base import Adaptation, Predictor
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.base import AdaptedCandidate, Setup, images_of
from geosearch.confirmation.candidates.deep_union import DeepUnion
from geosearch.confirmation.comparison import compare
from geosearch.confirmation.confirm import Confirmer
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.intervals import t_half_width
from geosearch.confirmation.row import BEST
from geosearch.confirmation.row_request import RowRequest
from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.registry import find_loader, portable_id
from geosearch.data.preprocessing import Preprocessing
from geosearch.errors import InvalidOptionError
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.model.calibration import cross_fit_temperature
from geosearch.model.facts import ModelFacts, Provenance, SourceShare
from geosearch.model.files import dump_model, restore_model
from geosearch.model.module import architecture_of, as_module, kept_architecture, on_images
from geosearch.model.trained_model import TrainedModel, read_out
from geosearch.model.unlikeness import Unlikeness
from geosearch.nn.feature_memory import remember_features
from geosearch.nn.networks import Network
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.versions import versions
from geosearch.search.weight_path import path_place
from geosearch.study.prepare import Prepared

_MOST_IMAGES = 5000  # unlabelled images that the threshold is set on
_NORMAL = 1.96  # of a 95 % interval
_FACTS = "facts"  # name of the array that holds the facts in the cache


@dataclass(frozen=True)
class Choice:
    """Which row of a confirmation, adapted how, and why.

    Attributes:
        row: name of the row.
        adaptation: name of the adaptation.
        why: a sentence.
    """

    row: str
    adaptation: str
    why: str


def choose_row(confirmation: Confirmation, row: str | None = None, adaptation: str | None = None) -> Choice:
    """What a user takes away: the study's answer.

    That is the best mixture, unless another row is better than it by more than the interval. If what judged the search
    chose another one (no pretraining, if no source pays, or the deep union), it is that one, with the adaptation that
    was chosen for it.

    The adaptation is the study's own, unless another one is better for this row on the test part by more than its
    interval. Labels that judge by cross-fitting are too few to choose it, too.

    Args:
        confirmation: of the study.
        row: name of another row.
        adaptation: name of another adaptation.

    Raises:
        InvalidOptionError: the confirmation has no such row, or no such adaptation of it.
    """
    names = [one.name for one in confirmation.rows]
    if row is not None and row not in names:
        raise InvalidOptionError(f"the confirmation has no row '{row}'; it has {', '.join(map(repr, names))}")
    if adaptation is not None and adaptation not in confirmation.adaptations:
        known = ", ".join(map(repr, confirmation.adaptations))
        raise InvalidOptionError(f"the confirmation has no adaptation '{adaptation}'; it has {known}")
    asked = confirmation.row(row or confirmation.answer_row)
    if adaptation is not None and adaptation not in asked.top1_errors:
        having = ", ".join(repr(one.name) for one in confirmation.ranked(adaptation))
        raise InvalidOptionError(
            f"the row '{asked.name}' was not adapted by {adaptation}, but by {', '.join(asked.top1_errors)}; take one "
            f"of these, or with --row a row that was: {having}"
        )
    why = "It was asked for." if row else ""
    if confirmation.answer_row != BEST and row is None:
        why = " ".join([*confirmation.no_gain, *confirmation.reasons])
        return Choice(confirmation.answer_row, adaptation or confirmation.adaptation, why)
    if row is None:
        row, why = _winner(confirmation, adaptation or confirmation.adaptation)
    own = confirmation.adaptation
    chosen = adaptation or (own if confirmation.judged_by else _best_adaptation(confirmation, row))
    if adaptation is None and chosen != own:
        why += f" Its adaptation {chosen} is better than the study's own, {own}, on the test part."
    return Choice(row, chosen, why.strip())


def _winner(confirmation: Confirmation, adaptation: str) -> tuple[str, str]:
    best = confirmation.row(BEST)
    compared = [compare(best, one, adaptation) for one in confirmation.ranked(adaptation) if one.name != BEST]
    better = [one for one in compared if one.outcome == "worse"]
    if not better:
        return BEST, "No other row is better by more than the interval of the difference."
    found = max(better, key=lambda one: one.points)
    interval = f"{found.points:.1f} ± {found.half_width:.1f} points"
    return found.against, f"Its {confirmation.error} is lower than that of the best mixture by {interval}."


def _best_adaptation(confirmation: Confirmation, name: str) -> str:
    """The adaptation of least error of a row, if that is clear of the study's own over trainings and test images.

    Errors on the test images are taken as independent; they are on the same images, so that the interval is too wide.
    """
    row, own = confirmation.row(name), confirmation.adaptation
    gains = {one: np.array(row.top1_errors[own]) - np.array(row.top1_errors[one]) for one in row.top1_errors}

    def half_width(one: str) -> float:
        variance = sum(row.mean(each) * (1 - row.mean(each)) for each in (own, one)) / confirmation.test_size
        return max(t_half_width(gains[one]), float(_NORMAL * np.sqrt(variance)))

    clear = [one for one, gain in gains.items() if one != own and gain.mean() > half_width(one)]
    return max(clear, key=lambda one: float(gains[one].mean()), default=own)


@dataclass(frozen=True, eq=False)
class TakeAway:
    """Trains the model of one row.

    A study that trains behind a cut of a pretrained network predicts, calibrates and measures unlikeness on the
    activations that it has; what is kept is the whole network, which takes images.

    Attributes:
        file: the study's settings.
        prepared: its target and sources.
        confirmer: trains rows as the confirmation does.
        requests: its rows.
        confirmation: its result.
        contents: specification -> fingerprint of every set.
        cache: keeps the trained model.
        study: the argument that names the study on the command line.
        answer: content key of what the model is asked to be (`Provenance.key`).
    """

    file: StudyFile
    prepared: Prepared
    confirmer: Confirmer
    requests: Sequence[RowRequest]
    confirmation: Confirmation
    contents: dict[str, str]
    cache: Cache
    study: str
    answer: str = ""

    def train(self, choice: Choice) -> TrainedModel:
        """The model of the confirmation's first seed; read from the cache if it was trained before.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
        """
        request = self._request(choice.row)
        adaptation = self.confirmer.adaptation(request.candidate, choice.adaptation)
        seed = self.confirmation.seeds[0]
        unlabelled = self.prepared.unlabelled(_MOST_IMAGES)
        key = content_key(
            "model",
            version=5,  # 5: unlikeness without copies of images
            candidate=request.candidate.key,
            recipe=self.confirmer.recipe.key,
            adaptation=adaptation.key,
            target=self.confirmer.target.key,
            unlabelled=unlabelled.fingerprint,
            classes=self.prepared.target.classes,
            seed=seed,
            preparation=(self.file.domain.fit, self.file.domain.polarity),
        )
        with one_thread():
            stored = self.cache.arrays("models", key, lambda: self._train(request, adaptation, seed))
        arrays = {name: np.array(array) for name, array in stored.items() if name != _FACTS}
        model = restore_model(json.loads(bytes(stored[_FACTS]).decode()), arrays)
        return replace(model, facts=replace(model.facts, provenance=self._provenance(choice, adaptation, seed)))

    def _train(self, request: RowRequest, adaptation: Adaptation, seed: int) -> dict[str, np.ndarray]:
        candidate, target = request.candidate, self.prepared.target
        deep = candidate if isinstance(candidate, DeepUnion) else None
        network, size = deep.architecture if deep else self.confirmer.recipe.network, self.file.domain.size
        kept = kept_architecture(network, size)
        setup = Setup(target.shots, self.confirmer.recipe, self.confirmer.device)
        start = candidate.start(setup, seed)

        def fit(shots: LabelledSet) -> Predictor:
            some = replace(setup, shots=shots)  # a start that saw the labels is made again without some of them
            begun = candidate.start(some, seed) if isinstance(candidate, AdaptedCandidate) else start
            return candidate.adapt(begun, adaptation, some, seed)

        with remember_features():  # every fit reads those of the unlabelled images
            module = as_module(candidate.adapt(start, adaptation, setup, seed))
            temperature, calibrated_on = cross_fit_temperature(fit, target.shots, seed)
        images = target.shots.images
        if not target.is_copied:  # of copies, one would make the other typical
            images = np.concatenate([images, self.prepared.unlabelled(_MOST_IMAGES).images])
        logits, features = read_out(module, images)
        whole = deep.on_images(module) if deep and isinstance(module, Network) else module
        labels = logits.argmax(1)
        labels[: len(target.shots)] = target.shots.labels
        facts = ModelFacts(
            target.classes,
            architecture_of(whole, kept),
            hasattr(module, "members"),
            self._preprocessing(),
            adaptation.facts,
            temperature,
            Provenance(self.file.study.name, target.name),
            calibrated_on,
        )
        model = TrainedModel(on_images(whole, network, size), facts, Unlikeness.fit(features, labels, seed))
        described, tensors = dump_model(model)
        return {**tensors, _FACTS: np.frombuffer(json.dumps(described).encode(), np.uint8)}

    def _preprocessing(self) -> Preprocessing:
        """Of the target's images, as they were loaded."""
        domain = self.file.domain
        places: dict[str, Any] = {"root": domain.root, "download": domain.download, "on_damaged": domain.on_damaged}
        with find_loader(domain.target, **places, size_hint=domain.size, fit=domain.fit) as loader:
            train = loader.read_labelled()
            rendering = loader.rendering
        sizes: dict[str, Any] = {"size": domain.size, "channels": domain.channels, "fit": domain.fit}
        return Preprocessing.of(train, **sizes, polarity=domain.polarity, rendering=rendering)

    def _request(self, row: str) -> RowRequest:
        for request in self.requests:
            if request.name == row:
                return request
        names = ", ".join(repr(one.name) for one in self.requests)
        raise InvalidOptionError(
            f"the study's settings no longer have the row '{row}' of its confirmation; they have {names}; run "
            f"'geosearch resume {self.study}' to confirm them"
        )

    def _provenance(self, choice: Choice, adaptation: Adaptation, seed: int) -> Provenance:
        target, domain, row = self.prepared.target, self.file.domain, self.confirmation.row(choice.row)
        counts = np.bincount(target.shots.labels, minlength=len(target.classes)).tolist()
        return Provenance(
            study=self.file.study.name,
            target=portable_id(domain.target),
            target_fingerprint=self.contents.get(domain.target, ""),
            target_license=target.shots.license,
            row=choice.row,
            why=choice.why,
            place=self._place(choice.row),
            verdict=self.confirmation.verdict(),
            seed=seed,
            sources=self._sources(choice.row),
            labels=dict(zip(target.classes, counts, strict=True)),
            unlabelled=images_of(adaptation),
            unlabelled_set=portable_id(domain.unlabelled) if domain.unlabelled else "",
            is_copied=target.is_copied,
            test_error=None if self.confirmation.judged_by else row.mean(choice.adaptation),
            label_error=row.mean(choice.adaptation) if self.confirmation.judged_by else None,
            judged_by=self.confirmation.judged_by,
            half_width=_known(row.half_width(choice.adaptation)),
            balanced_error=_known(row.balanced_mean(choice.adaptation)),
            balanced_half_width=_known(row.balanced_half_width(choice.adaptation)),
            interval=self.confirmation.interval if self.confirmation.has_intervals else "",
            command=f"geosearch model {self.study} --row '{choice.row}' --adaptation {choice.adaptation} --out DIR",
            versions=dict(versions()),
            key=self.answer,
        )

    def _place(self, row: str) -> str:
        coefficient = getattr(self._request(row).candidate, "interpolation", None)
        return "" if coefficient in (None, 1) else path_place(coefficient)

    def _sources(self, row: str) -> tuple[SourceShare, ...]:
        """The sources of the row's mixture; all of them, without weights, where single images were chosen."""
        candidate, sources = self._request(row).candidate, self.prepared.anchors.sources
        mixture = getattr(candidate, "mixture", None)
        weights: Weights | None = (
            mixture.weights if isinstance(mixture, Mixture) else getattr(candidate, "weights", None)
        )
        if weights is None and not hasattr(candidate, "pool"):
            return ()
        shares = [None] * len(sources) if weights is None else [float(value) for value in weights.values]
        specs, views = self.file.domain.sources, self.file.recipe.settings["views"]
        return tuple(
            SourceShare(
                source.name,
                portable_id(spec),
                share,
                source.facts.with_views(views).images,
                len(source.classes),
                source.license,
                self.contents.get(spec, ""),
            )
            for source, spec, share in zip(sources, specs, shares, strict=True)
            if share is None or share > 0
        )


def _known(value: float) -> float | None:
    """The value; None instead of nan, which JSON cannot hold."""
    return None if math.isnan(value) else value
