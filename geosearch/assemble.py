"""Assemble: the search and the confirmation of a study, from its settings and what was prepared."""

from __future__ import annotations

from geosearch.cache import Cache
from geosearch.domain.dataset import LabelledSet
from geosearch.evaluate.cross_validation import Judge
from geosearch.evaluate.episodes import Episodes
from geosearch.evaluate.few_shot import tuned
from geosearch.evaluate.ledger import Ledger
from geosearch.geodesic.simplex import Weights
from geosearch.options import adaptations_of, recipe_of
from geosearch.prepare import Prepared
from geosearch.progress import Progress
from geosearch.search.baselines import baselines, within
from geosearch.search.confirm import Confirmer
from geosearch.search.objective import Objective, one_thread
from geosearch.search.proxy import HeldOut
from geosearch.search.run import Search, SearchOptions
from geosearch.search.store import StudyStore
from geosearch.sections import StudyFile


def baselines_of(prepared: Prepared) -> dict[str, Weights]:
    """Role -> weights of the mixtures that the study evaluates first, and confirms."""
    sources = prepared.anchors.sources
    return baselines([source.name for source in sources], [source.size for source in sources], prepared.hull)


def objective_of(file: StudyFile, prepared: Prepared, cache: Cache) -> Objective:
    """What the search minimises."""
    target = prepared.target
    images: LabelledSet = target.shots
    judge: Judge = adaptations_of(file)[file.recipe.adaptation]
    if file.search.objective == "episodes":
        images, judge = target.shots.joined(target.reference).joined(target.held_out), Episodes(file.domain.shots)
    return Objective(
        anchors=prepared.anchors,
        images=images,
        recipe=recipe_of(file),
        judge=judge,
        ledger=Ledger(cache.folder / "ledger"),
        seed=file.study.seed,
        device=file.recipe.device,
    )


def search_of(file: StudyFile, prepared: Prepared, store: StudyStore, cache: Cache, progress: Progress) -> Search:
    """The search, ready to run."""
    seed = file.study.seed
    options = SearchOptions(
        evaluations=file.search.evaluations,
        sampler=file.search.sampler,
        batch=file.search.batch,
        finalists=file.search.finalists,
        repeats=file.search.repeats,
        long_steps=file.recipe.long_steps,
        prune=file.search.prune,
        look=file.search.proxy_samples / (file.recipe.steps * file.recipe.batch),
        seed=seed,
        jobs=file.search.jobs,
    )
    points = file.search.proxy_samples
    with one_thread():
        held_out = HeldOut.of(prepared.anchors, prepared.target.held_out, samples=points, seed=seed)
    first = within(store.space, baselines_of(prepared))
    return Search(store, objective_of(file, prepared, cache), prepared.hull, held_out, first, options, progress)


def confirmer_of(file: StudyFile, prepared: Prepared, cache: Cache) -> Confirmer:
    """The confirmation with the long recipe; the run without pretraining is tuned on the shots here."""
    recipe = recipe_of(file).scaled(file.recipe.long_steps)
    with one_thread():
        scratch = tuned(prepared.target.shots, recipe, file.study.seed)
    return Confirmer(
        anchors=prepared.anchors,
        target=prepared.target,
        recipe=recipe,
        scratch=scratch,
        adaptations=adaptations_of(file),
        cache=cache,
        device=file.recipe.device,
    )
