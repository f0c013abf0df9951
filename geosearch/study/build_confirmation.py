"""The confirmation of a study, from its settings and its prepared data: what is trained, and how it is adapted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.from_scratch import LENGTH
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Tuner
from geosearch.config.build import build_adaptation, build_adaptations, build_limits, build_recipe, build_search_space
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.base import Setup, StartKind
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.confirm import Confirmer
from geosearch.confirmation.controls import ControlInputs, control_rows
from geosearch.confirmation.row_request import RowRequest, request_rows
from geosearch.confirmation.tuning import KindTuner, TunedAdaptations
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.search.trial_record import (
    TrialRecord,
    augmentation_by_mixture,
    errors_by_mixture,
    interpolation_by_mixture,
)
from geosearch.study.baselines import find_single_sources
from geosearch.study.build_search import build_objective
from geosearch.study.prepare import Prepared, build_committee, build_source_networks
from geosearch.study.source_weights import build_source_weights


def build_confirmer(
    file: StudyFile, prepared: Prepared, cache: Cache, *, fine_tunes_mixtures: bool | None = None
) -> Confirmer:
    """The confirmation with the long recipe; tunes the adaptations on the shots, unless the cache has the result.

    Args:
        fine_tunes_mixtures: see `Confirmer`; as the file says if None.
    """
    recipe = build_recipe(file, prepared.network).scaled(file.recipe.long_steps)
    if fine_tunes_mixtures is None:
        fine_tunes_mixtures = file.fine_tunes_mixtures
    tuned = tune_adaptations(file, prepared, cache, fresh_only=() if fine_tunes_mixtures else ("fine-tune",))
    return Confirmer(
        anchors=prepared.anchors,
        target=prepared.target,
        recipe=recipe,
        adaptations=tuned.by_kind,
        cache=cache,
        device=file.recipe.device,
        tuning=tuned.sentences,
        fine_tunes_mixtures=fine_tunes_mixtures,
    )


def tune_adaptations(
    file: StudyFile, prepared: Prepared, cache: Cache, further: Iterable[str] = (), *, fresh_only: Sequence[str] = ()
) -> TunedAdaptations:
    """The adaptations of the confirmation, tuned once on the pooled union's network and once on a fresh one.

    No row is tuned for itself. The pooled union stands for all pretrained networks, since the search did not choose
    it; its own row may profit most.

    Args:
        further: names of adaptations that take over what was tuned for fine-tuning, besides the confirmation's own.
        fresh_only: see `KindTuner.tune`.
    """
    tuner, anchors = _build_tuner(file, prepared, cache, file.confirm.tuning), prepared.anchors
    pooled = Plain(Mixture(anchors, Weights.pooled([source.size for source in anchors.sources])))
    unlabelled = prepared.unlabelled(file.recipe.unlabelled)
    adaptations = build_adaptations(file, unlabelled)
    adaptations |= {name: build_adaptation(name, file, unlabelled) for name in further}
    with one_thread():
        return tuner.tune(adaptations, [pooled, FromScratch()], fresh_only=fresh_only)


def tune_few_shots(file: StudyFile, prepared: Prepared, cache: Cache) -> FineTuning:
    """The training of a fresh network on the shots, tuned with as many trainings as the search has."""
    tuner = _build_tuner(file, prepared, cache, file.search.evaluations)
    with one_thread():
        tuned = tuner.tune({"fine-tune": build_adaptation("fine-tune", file)}, [FromScratch()])
    training = tuned.by_kind[StartKind.FRESH]["fine-tune"]
    assert isinstance(training, FineTuning)
    return training


def _build_tuner(file: StudyFile, prepared: Prepared, cache: Cache, trainings: int) -> KindTuner:
    recipe = build_recipe(file, prepared.network).scaled(file.recipe.long_steps)
    return KindTuner(
        Tuner(trainings, longest=round(LENGTH * recipe.steps)),
        Setup(prepared.target.shots, recipe, file.recipe.device),
        file.study.seed,
        cache,
        file.search.jobs,
    )


def build_rows(
    file: StudyFile,
    prepared: Prepared,
    cache: Cache,
    best: Weights,
    finalists: Sequence[Weights],
    baselines: Mapping[str, Weights],
    trials: Sequence[TrialRecord],
    *,
    is_searched: bool,
) -> tuple[RowRequest, ...]:
    """The rows of the confirmation; `trials` are those of the search, `is_searched` as in `request_rows`."""
    errors = errors_by_mixture(trials)
    interpolation = choose_interpolation(file, interpolation_by_mixture(trials))
    with one_thread():
        return request_rows(
            prepared.anchors,
            prepared.target,
            best,
            baselines,
            singles=find_single_sources(baselines, [source.name for source in prepared.anchors.sources]),
            variants=file.confirm.variants,
            finalists=finalists,
            controls=build_controls(file, prepared, cache, errors, interpolation),
            is_searched=is_searched,
            interpolation=interpolation,
            augmentation=augmentation_by_mixture(trials).get,
        )


def choose_interpolation(file: StudyFile, known: Mapping[Weights, float]) -> Callable[[Weights], float | None]:
    """Gives the coefficient of the network of a mixture (see `Plain`).

    Args:
        file: the study's settings.
        known: of the mixtures that were evaluated; others get the middle one of `recipe.interpolation`, or the last
            where the pretrained features are kept.
    """
    asked = file.recipe.interpolation
    usual = asked[-1 if file.recipe.keeps_features else len(asked) // 2] if asked else None
    return lambda weights: known.get(weights, usual)


def build_controls(
    file: StudyFile,
    prepared: Prepared,
    cache: Cache,
    errors: Mapping[Weights, float],
    interpolation: Callable[[Weights], float | None],
    *,
    in_folds: bool = False,
) -> tuple[RowRequest, ...]:
    """The rows of the controls that the study asks for; `in_folds` as in `ControlInputs`."""
    if not (names := file.confirm.controls):
        return ()
    inputs = build_control_inputs(file, prepared, cache, errors)
    return control_rows(names, replace(inputs, interpolation=interpolation, in_folds=in_folds))


def build_control_inputs(
    file: StudyFile, prepared: Prepared, cache: Cache, errors: Mapping[Weights, float]
) -> ControlInputs:
    """What the controls of a study are made of."""
    unlabelled = prepared.unlabelled(file.recipe.unlabelled)
    tuned = tune_adaptations(file, prepared, cache, ("self-train", "fixmatch")).by_kind[StartKind.PRETRAINED]
    self_training, fixmatch = tuned["self-train"], tuned["fixmatch"]
    assert isinstance(self_training, SelfTraining)
    assert isinstance(fixmatch, FixMatch)
    return ControlInputs(
        anchors=prepared.anchors,
        target=prepared.target,
        unlabelled=unlabelled,
        self_training=self_training,
        fixmatch=fixmatch,
        committee=partial(build_committee, file, prepared, cache),
        few_shots=partial(tune_few_shots, file, prepared, cache),
        source_weights=lambda: build_source_weights(file, build_objective(file, prepared, cache), cache).mixture,
        source_networks=partial(build_source_networks, file, prepared, cache),
        errors=errors,
        nearest=build_search_space(file).nearest if build_limits(file) else None,
    )
