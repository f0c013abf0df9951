"""Build: the search and the confirmation of a study, from its settings and its prepared data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from geosearch.adaptation.base import ADAPTATIONS, Scorer
from geosearch.adaptation.episodes import Episodes
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.from_scratch import LENGTH
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Tuner
from geosearch.config.build import build_adaptation, build_adaptations, build_limits, build_recipe, build_search_space
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.base import Candidate, Setup, StartKind
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.confirm import Confirmer
from geosearch.confirmation.controls import ControlInputs, control_rows
from geosearch.confirmation.row_request import RowRequest, request_rows
from geosearch.confirmation.tuning import KindTuner, TunedAdaptations
from geosearch.curation.curated_mixture import source_gradient
from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Target
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.mixture.baselines import (
    CLOUD,
    SINGLE,
    WITHIN_LIMITS,
    baseline_weights,
    choose_baselines,
    constrain,
    count_baselines,
)
from geosearch.mixture.hull import Hull
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Progress
from geosearch.runtime.redact import mask_all
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.fingerprint import match_specs
from geosearch.search.free_answer import FreeAnswer
from geosearch.search.loop import Search, SearchOptions
from geosearch.search.objective import Objective
from geosearch.search.samplers.prior import ProxyDesign
from geosearch.search.samplers.warm_start import EarlierStudy, WarmStart
from geosearch.search.study_store import StudyStore
from geosearch.search.trial import (
    TrialRecord,
    augmentation_by_mixture,
    errors_by_mixture,
    interpolation_by_mixture,
)
from geosearch.study.locate import resolve
from geosearch.study.prepare import Prepared, build_committee, build_source_networks
from geosearch.study.source_weights import build_source_weights


def build_baselines(prepared: Prepared) -> dict[str, Weights]:
    """Role -> weights of every baseline there is; a study trains the first of them (`find_baselines`)."""
    sources = prepared.anchors.sources
    return baseline_weights([source.name for source in sources], [source.size for source in sources], prepared.hull)


def find_baselines(file: StudyFile, prepared: Prepared, store: StudyStore, proxy: Proxy) -> dict[str, Weights]:
    """Role -> weights of the baselines of this study, as allowed by its limits.

    They are chosen when the study begins and kept, so that a budget that is raised later does not change them.
    """
    roles = store.record.baselines if store.is_searched else None
    if roles is None:
        names = [source.name for source in prepared.anchors.sources]
        count = count_baselines(file.search.evaluations, len(names))
        design: ProxyDesign = store.get_or_compute("debiased_design", lambda: ProxyDesign.of(store.space, proxy.otdd))
        roles = choose_baselines(names, design.values[: len(names)], count)
        store.update(baselines=roles)
    known = build_baselines(prepared)
    return constrain(store.space.nearest, {role: known[role] for role in roles})


def find_single_sources(roles: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    """Role -> source, for the baselines that are single sources."""
    known = {SINGLE + name + end: name for name in names for end in ("", WITHIN_LIMITS)}
    return {role: known[role] for role in roles if role in known}


def build_objective(file: StudyFile, prepared: Prepared, cache: Cache) -> Objective:
    """The error that the search minimizes."""
    target = prepared.target
    images: LabelledSet = target.shots
    adaptations = build_adaptations(file, prepared.unlabelled(file.recipe.unlabelled))
    is_left_out = file.search.objective == "leave-one-out"
    scorer: Scorer = adaptations[ADAPTATIONS.default if is_left_out else file.recipe.adaptation]
    check_labels(file, target)
    if file.search.objective == "episodes" and target.is_copied:  # a copy must not be judged by its original
        scorer = Episodes(tuple(max(1, 2 * count // 3) for count in target.counts.tolist()))
    elif file.search.objective == "episodes":
        images = target.shots.concatenate(target.reference).concatenate(target.held_out)
        counts = tuple(target.counts.tolist())
        scorer = Episodes(counts[0] if len({*counts}) == 1 else counts)
    return Objective(
        anchors=prepared.anchors,
        images=images,
        recipe=build_recipe(file, prepared.network),
        scorer=scorer,
        cache=cache,
        seed=file.study.seed,
        device=file.recipe.device,
        interpolation=file.recipe.interpolation,
        farther=file.recipe.keeps_features,
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


def check_labels(file: StudyFile, target: Target) -> None:
    """Refuse a target with too few labels for the objective.

    Raises:
        DomainMismatchError: the objective leaves labelled images out, but no class has two.
    """
    if file.search.leaves_out and target.counts.max() < 2:
        raise DomainMismatchError(
            f"search.objective '{file.search.objective}' leaves labelled images out, but no class of '{target.name}' "
            "has two; label more, or set search.objective to 'episodes'"
        )


def build_search(file: StudyFile, prepared: Prepared, store: StudyStore, cache: Cache, progress: Progress) -> Search:
    """The search, ready to run."""
    seed = file.study.seed
    options = SearchOptions(
        evaluations=file.search.evaluations,
        sampler=file.search.sampler,
        sampler_settings=file.search.settings,
        batch=file.search.batch,
        finalists=file.search.finalists,
        repeats=file.search.repeats,
        long_steps=file.recipe.long_steps,
        seed=seed,
        jobs=file.search.jobs,
        stops=file.search.stop == "no-gain",
    )
    points = file.search.proxy_samples
    with one_thread():
        proxy = Proxy.of(prepared.anchors, prepared.target.held_out, samples=points, seed=seed)
    first = find_baselines(file, prepared, store, proxy)
    cloud = build_baselines(prepared)[CLOUD]
    store.get_or_compute("free_answer", lambda: FreeAnswer.of(cloud, store.space, prepared.hull, proxy.otdd))
    objective = build_objective(file, prepared, cache)
    warm_start = build_warm_start(file, store, prepared.hull)

    def gradient() -> tuple[float, ...]:
        return tuple(source_gradient(prepared.anchors, prepared.target.shots).tolist())

    found = partial(build_source_weights, file, objective, cache)
    return Search(store, objective, prepared.hull, proxy, first, options, progress, warm_start, gradient, found)


def build_warm_start(file: StudyFile, store: StudyStore, hull: Hull) -> WarmStart | None:
    """Evaluations of the studies in search.earlier, as they were when this study was created; None without any.

    Raises:
        InvalidOptionError: one of them has a source that this study lacks, or no database, or no evaluation yet.
    """
    if not file.search.earlier:
        return None
    earlier = store.get_or_compute("earlier", lambda: tuple(_earlier(study, file) for study in file.search.earlier))
    return WarmStart(earlier, hull)


def _earlier(study: str, file: StudyFile) -> EarlierStudy:
    other, address = resolve(study, None, must_exist=True)
    sources = other.domain.sources
    places = match_specs(file.domain.sources, sources)
    if unknown := [source for source in sources if source not in places]:
        raise InvalidOptionError(
            f"search.earlier: '{mask_all(study)}' was searched over {unknown} too, which domain.sources does not list; "
            "add them, or leave that study out"
        )
    trials = StudyStore.open(address, other.study.name, other.fingerprint, build_search_space(other)).trials()
    found = errors_by_mixture(trials)
    if not found:
        raise InvalidOptionError(
            f"search.earlier: '{mask_all(study)}' has no evaluation yet; search it first, or leave it out"
        )
    here = [places[source] for source in sources]
    return EarlierStudy.of(other.study.name, other.domain.target, here, found.items(), file.domain.sources)


def build_confirmer(file: StudyFile, prepared: Prepared, cache: Cache) -> Confirmer:
    """The confirmation with the long recipe; tunes the adaptations on the shots, unless the cache has the result."""
    recipe = build_recipe(file, prepared.network).scaled(file.recipe.long_steps)
    tuned = tune_adaptations(file, prepared, cache)
    return Confirmer(
        anchors=prepared.anchors,
        target=prepared.target,
        recipe=recipe,
        adaptations=tuned.by_kind,
        cache=cache,
        device=file.recipe.device,
        tuning=tuned.sentences,
    )


def tune_adaptations(
    file: StudyFile, prepared: Prepared, cache: Cache, further: Iterable[str] = ()
) -> TunedAdaptations:
    """The adaptations of the confirmation, tuned once on the pooled union's network and once on a fresh one.

    No row is tuned for itself. The pooled union stands for all pretrained networks, since the search did not choose
    it; its own row may profit most.

    Args:
        further: names of adaptations that take over what was tuned for fine-tuning, besides the confirmation's own.
    """
    tuner, anchors = _build_tuner(file, prepared, cache, file.confirm.tuning), prepared.anchors
    pooled = Plain(Mixture(anchors, Weights.pooled([source.size for source in anchors.sources])))
    unlabelled = prepared.unlabelled(file.recipe.unlabelled)
    adaptations = build_adaptations(file, unlabelled)
    adaptations |= {name: build_adaptation(name, file, unlabelled) for name in further}
    with one_thread():
        return tuner.tune(adaptations, [pooled, FromScratch()])


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


def build_controls(
    file: StudyFile,
    prepared: Prepared,
    cache: Cache,
    errors: Mapping[Weights, float],
    interpolation: Callable[[Weights], float | None],
) -> dict[str, Candidate]:
    """Row -> what is trained for it, of the controls that the study asks for."""
    if not (names := file.confirm.controls):
        return {}
    inputs = build_control_inputs(file, prepared, cache, errors)
    return control_rows(names, replace(inputs, interpolation=interpolation))


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
