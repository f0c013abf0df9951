"""FoldBuilder: everything of a study that looks at labels, done again without the labels that judge it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from geosearch.config.build import build_search_space
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.confirm import Confirmer
from geosearch.confirmation.cross_fitting import Fold, Split
from geosearch.confirmation.row import BEST, NO_PRETRAINING, RowKind
from geosearch.confirmation.row_request import RowRequest
from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION, WITHIN_LIMITS, constrain
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.spaces.base import MixingSpace
from geosearch.mixture.weights import Weights
from geosearch.nn.augmenter import Augmenter
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.runtime.result_cache import Evaluation
from geosearch.search.objective import Objective
from geosearch.search.trial_record import TrialRecord, errors_by_mixture, interpolation_by_mixture
from geosearch.study.baselines import build_baselines, find_single_sources
from geosearch.study.build_confirmation import build_confirmer, build_controls, choose_interpolation
from geosearch.study.build_search import build_objective
from geosearch.study.prepare import Prepared, prepare_collection
from geosearch.study.union_path import UnionPath

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
        augmentations: mixture -> augmentation that the search found for it, where it is another than the study's.
        fixed: the baseline that is the best mixture of every fold: the cloud if nothing was searched, the pooled union
            if the labels tell nothing of the sources. Empty: in each fold the mixture of least error.
        fine_tunes_mixtures: see `Confirmer`.
        union: the deep union, if there is one; the labels of each fold choose its coefficient.
    """

    file: StudyFile
    prepared: Prepared
    space: MixingSpace
    cache: Cache
    finalists: tuple[Weights, ...]
    roles: tuple[str, ...]
    fixed: str = ""
    augmentations: Mapping[Weights, Augmenter] = field(default_factory=dict)
    fine_tunes_mixtures: bool = True
    union: UnionPath | None = None

    def __call__(self, split: Split) -> Fold:
        """Labels, maps, projection and choice anew; networks come when the fold predicts."""
        with one_thread():
            ready = self.prepared
            there = prepare_collection(
                self.file, ready.collection, self.space, self.cache, network=ready.network, without=split.judged
            )
            known = constrain(build_search_space(self.file).nearest, build_baselines(there))
            baselines = {role.removesuffix(WITHIN_LIMITS): weights for role, weights in known.items()}
            searched = {role: baselines[role] for role in (role.removesuffix(WITHIN_LIMITS) for role in self.roles)}
            objective = self._objective(there)
            errors, places = self._evaluate(objective, [*self.finalists, *searched.values()])
            union = (self.union.request(self.union.choose(objective)),) if self.union else ()
        best = baselines[self.fixed] if self.fixed else min(errors, key=lambda weights: errors[weights])
        judged = self.prepared.target.shots.images[split.judged]
        confirmer = self.confirmer(there)
        return Fold(
            replace(confirmer, target=replace(there.target, test_images=judged)),
            (*self._requests(there, best, baselines, searched, errors, places), *union),
        )

    def rows_of_all_labels(self, best: Weights, trials: Sequence[TrialRecord]) -> tuple[RowRequest, ...]:
        """The rows of the folds but the deep union, as they are with all labels, which is what a user takes away.

        Args:
            best: the best mixture of the search.
            trials: of the search; if it evaluated no single source, they are evaluated.
        """
        errors, places = errors_by_mixture(trials), interpolation_by_mixture(trials)
        with one_thread():
            known = constrain(build_search_space(self.file).nearest, build_baselines(self.prepared))
        baselines = {role.removesuffix(WITHIN_LIMITS): weights for role, weights in known.items()}
        names = [source.name for source in self.prepared.anchors.sources]
        searched = {role: baselines[role] for role in (role.removesuffix(WITHIN_LIMITS) for role in self.roles)}
        singles = [searched[role] for role in find_single_sources(searched, names)]
        if not any(one in errors for one in singles):
            with one_thread():
                errors, places = self._evaluate(self._objective(self.prepared), singles)
        return self._requests(self.prepared, best, baselines, searched, errors, places)

    def confirmer(self, prepared: Prepared) -> Confirmer:
        """Trains the rows; adaptations are not tuned."""
        return build_confirmer(self._untuned, prepared, self.cache, fine_tunes_mixtures=self.fine_tunes_mixtures)

    @property
    def _untuned(self) -> StudyFile:
        return self.file.model_copy(update={"confirm": self.file.confirm.model_copy(update={"tuning": 0})})

    def _evaluate(
        self, objective: Objective | None, mixtures: list[Weights]
    ) -> tuple[dict[Weights, float], dict[Weights, float]]:
        """Validation errors of the mixtures, and coefficients of their networks if any; equal without an objective."""
        asked = list(dict.fromkeys(mixtures))
        if objective is None:
            return dict.fromkeys(asked, 0.0), {}  # the search's own best, the nearest single source
        calls = [(one, None, 0, self.augmentations.get(one)) for one in asked]
        results = objective.evaluate_many(calls, jobs=self.file.search.jobs)
        known = {one: result for one, result in zip(asked, results, strict=True) if isinstance(result, Evaluation)}
        errors = {one: known[one].squared_error if one in known else math.inf for one in asked}
        places = {one: found.interpolation for one, found in known.items() if found.interpolation is not None}
        return errors, places

    def _objective(self, there: Prepared) -> Objective | None:
        """That of the search on the labels that are left; None if they are too few."""
        if self.file.search.leaves_out and there.target.counts.max() < 2:
            return None
        return build_objective(self.file, there, self.cache)

    def _requests(
        self,
        there: Prepared,
        best: Weights,
        baselines: Mapping[str, Weights],
        searched: Mapping[str, Weights],
        errors: Mapping[Weights, float],
        places: Mapping[Weights, float],
    ) -> tuple[RowRequest, ...]:
        """The rows, the best mixture first, the same names in every fold; of single sources that of least error."""
        singles = find_single_sources(searched, [source.name for source in there.anchors.sources])
        single = min(singles, key=lambda role: errors.get(searched[role], math.inf))
        rows = {
            BEST: best,
            BEST_SINGLE: searched[single],
            **{role: baselines[role] for role in (POOLED, PROJECTION, CLOUD)},
        }
        searched_on = None if self.fixed else there.target.unlabelled_counts
        interpolation = choose_interpolation(self.file, places)
        kinds = {BEST: RowKind.BEST, BEST_SINGLE: RowKind.SINGLE_SOURCE}
        requests = [
            RowRequest(
                name,
                Plain(
                    Mixture(there.anchors, weights),
                    searched_on if name == BEST else None,
                    interpolation(weights),
                    self.augmentations.get(weights),
                ),
                kinds.get(name, RowKind.BASELINE),
                singles[single] if name == BEST_SINGLE else "",
            )
            for name, weights in rows.items()
        ]
        with one_thread():
            controls = build_controls(self._untuned, there, self.cache, errors, interpolation, in_folds=True)
        without = RowRequest(NO_PRETRAINING, FromScratch(), RowKind.NO_PRETRAINING)
        return (*requests, without, *controls)
