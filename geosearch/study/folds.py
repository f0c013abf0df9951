"""FoldBuilder: everything of a study that looks at labels, done again without the labels that judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from geosearch.config.build import build_search_space
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.cross_fitting import Fold, Split
from geosearch.confirmation.rows import RowRequest
from geosearch.confirmation.statistics import BEST, NO_PRETRAINING, RowKind
from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION, WITHIN_LIMITS, constrain
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.spaces.base import MixingSpace
from geosearch.mixture.weights import Weights
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.result_cache import Evaluation
from geosearch.study.build import build_baselines, build_confirmer, build_objective, find_single_sources
from geosearch.study.prepare import Prepared, prepare_collection

BEST_SINGLE = "best single source"


@dataclass(frozen=True, eq=False)
class FoldBuilder:
    """Makes the fold of a split.

    Attributes:
        file: the study's settings.
        prepared: its data, all labels among them.
        space: where images are mixed.
        cache: where slow steps and results are kept, so that an interrupted cross-fitting goes on.
        finalists: mixtures that the search could not tell apart, its best first.
        roles: the baselines of the search, by their names.
    """

    file: StudyFile
    prepared: Prepared
    space: MixingSpace
    cache: Cache
    finalists: tuple[Weights, ...]
    roles: tuple[str, ...]

    def __call__(self, split: Split) -> Fold:
        """Labels, maps, projection and choice anew; networks come when the fold predicts."""
        with one_thread():
            there = prepare_collection(
                self.file, self.prepared.collection, self.space, self.cache, without=split.judged
            )
            known = constrain(build_search_space(self.file).nearest, build_baselines(there))
            baselines = {role.removesuffix(WITHIN_LIMITS): weights for role, weights in known.items()}
            names = [source.name for source in there.anchors.sources]
            roles = [role.removesuffix(WITHIN_LIMITS) for role in self.roles]
            searched = {role: baselines[role] for role in roles}
            errors = self._errors(there, [*self.finalists, *searched.values()])
        best = min(errors, key=lambda weights: errors[weights])
        singles = find_single_sources(searched, names)
        single = min(singles, key=lambda role: errors[searched[role]])
        rows = {
            BEST: best,
            BEST_SINGLE: searched[single],
            **{role: baselines[role] for role in (POOLED, PROJECTION, CLOUD)},
        }
        return self._fold(split, there, rows, singles[single])

    def _errors(self, there: Prepared, mixtures: list[Weights]) -> Mapping[Weights, float]:
        """Validation error of the mixtures by the labels that are left; equal ones if these are too few to judge by."""
        asked = list(dict.fromkeys(mixtures))
        if self.file.search.objective == "shots" and there.target.counts.max() < 2:
            return dict.fromkeys(asked, 0.0)  # the search's own best, the nearest single source
        objective = build_objective(self.file, there, self.cache)
        results = objective.evaluate_many([(one, None, 0) for one in asked], jobs=self.file.search.jobs)
        return {
            one: result.squared_error if isinstance(result, Evaluation) else float("inf")
            for one, result in zip(asked, results, strict=True)
        }

    def _fold(self, split: Split, there: Prepared, rows: Mapping[str, Weights], single: str) -> Fold:
        """The rows, whose predictors judge the labels that they have not seen."""
        judged = self.prepared.target.shots.images[split.judged]
        target = replace(there.target, test_images=judged)
        untuned = self.file.model_copy(update={"confirm": self.file.confirm.model_copy(update={"tuning": 0})})
        confirmer = replace(build_confirmer(untuned, there, self.cache), target=target)
        kinds = {BEST: RowKind.BEST, BEST_SINGLE: RowKind.SINGLE_SOURCE}
        requests = [
            RowRequest(
                name,
                Plain(Mixture(there.anchors, weights), len(there.target.held_out) if name == BEST else 0),
                kinds.get(name, RowKind.BASELINE),
                single if name == BEST_SINGLE else "",
            )
            for name, weights in rows.items()
        ]
        return Fold(confirmer, (*requests, RowRequest(NO_PRETRAINING, FromScratch(), RowKind.NO_PRETRAINING)))
