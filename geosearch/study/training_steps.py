"""Training steps: how many steps of pretraining the trainings of a study are worth."""

from __future__ import annotations

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.from_scratch import LENGTH
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Tuner
from geosearch.config.build import (
    build_adaptations,
    build_refinement,
)
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.ablation import MOST_LEFT_OUT
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS
from geosearch.confirmation.controls import CONTROLS
from geosearch.mixture.baselines import MOST_SINGLE, count_baselines
from geosearch.pretraining.source_weighting import TRAININGS
from geosearch.study.prepare import MOST_NETWORKS

NEED_COMMITTEE = {"committee", "transferability"}  # controls


def count_steps(file: StudyFile, sources: int, *, cross_fits: bool = False, labels: int | None = None) -> float:
    """Steps of pretraining that all trainings of a study of so many sources are worth.

    Args:
        file: the study's settings.
        sources: m
        cross_fits: whether the labels judge, for want of a test part.
        labels: of the target; as many as a batch if None. A fine-tuning of activations computes each once in a batch.
    """
    search, recipe = file.search, file.recipe
    finalists = search.finalists * search.repeats * (search.evaluations > 0)
    steps: float = (search.evaluations + weigh_sources(file)) * recipe.steps + finalists * recipe.long_steps
    steps += min(sources, MOST_LEFT_OUT) * recipe.long_steps * file.confirm.explain
    steps += _refinement_steps(file, sources)
    share = min(1.0, (labels or recipe.batch) / recipe.batch) if file.mixes_features else 1.0
    judge = _cross_fitting_steps if cross_fits else _confirmation_steps
    return steps + judge(file, sources, share)


def weigh_sources(file: StudyFile) -> float:
    """What the weights of the sources by hypergradient cost, in trainings; 0 if the study does without."""
    is_searched = file.search.evaluations > 0 and file.search.sampler == "hypergradient"
    return TRAININGS * (is_searched or "hypergradient" in file.confirm.controls)


def _confirmation_steps(file: StudyFile, sources: int, share: float) -> float:
    confirm, recipe = file.confirm, file.recipe
    rows: float = min(count_baselines(file.search.evaluations, sources), MOST_SINGLE + 5) + 2
    rows += len({*confirm.variants} - {"ensemble-teacher"})
    rows += sum(CONTROLS.entry(name).option.cost for name in confirm.controls)
    longest = LENGTH * recipe.long_steps  # of a tuned adaptation, on average about half as long
    steps = rows * confirm.seeds * (recipe.long_steps + share * _fine_tuning_steps(file) + _semi_supervised_steps(file))
    steps += recipe.long_steps + 2 * confirm.tuning * Tuner().folds * longest / 2
    steps += file.search.evaluations * Tuner().folds * longest / 2 * ("few-shots" in confirm.controls)
    refinement = build_refinement(file)
    if NEED_COMMITTEE & {*confirm.controls} and (refinement is None or refinement.members == 1):
        steps += (2 + min(sources, MOST_NETWORKS)) * recipe.long_steps
    if "ensemble-teacher" in confirm.variants:
        steps += confirm.seeds * TEACHERS * recipe.long_steps
    return steps


def _fine_tuning_steps(file: StudyFile) -> float:
    """Of one row and training: about half of the longest that tuning may choose, or as many as there are untuned."""
    if file.confirm.tuning:
        return LENGTH * file.recipe.long_steps / 2
    how = build_adaptations(file)["fine-tune"]
    assert isinstance(how, FineTuning)
    return float(how.steps)


def _cross_fitting_steps(file: StudyFile, sources: int, share: float) -> float:
    """In each fold: labels, a choice among finalists and baselines, and six rows."""
    search, recipe = file.search, file.recipe
    rows = 6 * (recipe.long_steps + share * _fine_tuning_steps(file) + _semi_supervised_steps(file))
    choice = (search.finalists + count_baselines(search.evaluations, sources)) * recipe.steps
    return file.confirm.folds * file.confirm.repeats * (rows + choice + _refinement_steps(file, sources))


def _refinement_steps(file: StudyFile, sources: int) -> float:
    """Of the networks that label the target: two mixtures, and for an ensemble the nearest single sources."""
    refinement = build_refinement(file)
    if refinement is None:
        return 0.0
    return (2 + min(sources, MOST_NETWORKS) * (refinement.members > 1)) * refinement.recipe.steps


def _semi_supervised_steps(file: StudyFile) -> float:
    """Of one row and training, of an adaptation that learns from unlabelled images."""
    how = build_adaptations(file)[file.recipe.adaptation]
    if isinstance(how, SelfTraining):
        return how.head_steps + how.steps
    if isinstance(how, FixMatch):  # a batch holds two views of every unlabelled image
        return how.steps * (1 + 2 * how.ratio)
    return 0.0
