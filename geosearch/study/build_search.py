"""The search of a study, from its settings and its prepared data."""

from __future__ import annotations

import math
from functools import partial

from geosearch.adaptation.base import ADAPTATIONS, Scorer
from geosearch.adaptation.episodes import Episodes
from geosearch.config.build import build_adaptations, build_recipe, build_search_space
from geosearch.config.study_config import StudyFile
from geosearch.curation.curated_mixture import source_gradient
from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Target
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.mixture.baselines import CLOUD
from geosearch.mixture.hull import Hull
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.progress import Progress
from geosearch.runtime.redact import mask_all
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.fingerprint import match_specs
from geosearch.search.free_answer import FreeAnswer
from geosearch.search.loop import Search
from geosearch.search.objective import Objective
from geosearch.search.options import SearchOptions
from geosearch.search.samplers.warm_start import EarlierStudy, WarmStart
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_record import errors_by_mixture
from geosearch.study.baselines import build_baselines, find_baselines
from geosearch.study.locate import resolve
from geosearch.study.prepare import Prepared
from geosearch.study.source_weights import build_source_weights


def build_search(file: StudyFile, prepared: Prepared, store: StudyStore, cache: Cache, progress: Progress) -> Search:
    """The search, ready to run.

    Raises:
        DomainMismatchError: too few labels, see `check_judges` and `check_labels`.
    """
    check_judges(file, prepared.target)
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
        images = target.shots.concatenate(target.reference)
        if not target.is_judged_by_held_out:
            images = images.concatenate(target.held_out)
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


def check_judges(file: StudyFile, target: Target) -> None:
    """Refuse a target whose labels judge, if what a fold leaves of them can neither be learned from nor measured.

    Raises:
        DomainMismatchError: too few labels, and no images without any.
    """
    most = int(target.counts.max())
    left = most - math.ceil(most / min(file.confirm.folds, most))
    if target.is_copied and target.judges_itself and left < 2:
        raise DomainMismatchError(
            f"'{target.name}' has no unlabelled images and no test set, so its labels judge in folds, which leave "
            f"{left} of at most {most} in a class: two are needed, one to learn from and one to measure distances to; "
            "set domain.unlabelled, or label more images of some class"
        )


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
