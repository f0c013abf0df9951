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
from geosearch.mixture.baselines import count_baselines, count_confirmed
from geosearch.nn.networks import NETWORKS
from geosearch.pretraining.source_weighting import TRAININGS
from geosearch.study.prepare import MOST_NETWORKS

NEED_COMMITTEE = {"committee", "transferability"}  # controls
_READING = 0.7  # what the features of an image cost, in trainings on it: forward alone, but not in bfloat16


def count_steps(
    file: StudyFile, sources: int, *, cross_fits: bool = False, labels: int | None = None, images: int = 0
) -> float:
    """Steps of pretraining that all trainings of a study of so many sources are worth.

    Args:
        file: the study's settings.
        sources: m
        cross_fits: whether the labels judge, for want of a test part.
        labels: of the target; as many as a batch if None. A fine-tuning of activations computes each once in a batch.
        images: whose features a row needs for its heads; they count in short trainings of activations.
    """
    search, recipe = file.search, file.recipe
    finalists = search.finalists * search.repeats * (search.evaluations > 0)
    steps: float = (search.evaluations + weigh_sources(file)) * recipe.steps + finalists * recipe.long_steps
    steps += min(sources, MOST_LEFT_OUT) * recipe.steps * file.confirm.explain
    steps += _refinement_steps(file, sources)
    share = min(1.0, (labels or recipe.batch) / recipe.batch) if file.mixes_features else 1.0
    judge = _cross_fitting_steps if cross_fits else count_confirmation_steps
    return steps + judge(file, sources, share, images)


def weigh_sources(file: StudyFile) -> float:
    """What the weights of the sources by hypergradient cost, in trainings; 0 if the study does without."""
    is_searched = file.search.evaluations > 0 and file.search.sampler == "hypergradient"
    return TRAININGS * (is_searched or "hypergradient" in file.confirm.controls)


def count_confirmation_steps(file: StudyFile, sources: int, share: float = 1.0, images: int = 0) -> float:
    """Steps of a confirmation on a test part.

    Args:
        file, sources, images: as in `count_steps`.
        share: what a step of fine-tuning costs, in steps of pretraining.
    """
    confirm, recipe = file.confirm, file.recipe
    rows: float = count_confirmed(file.search.evaluations, sources) + 2
    rows += len({*confirm.variants} - {"ensemble-teacher"})
    rows += _control_rows(file)
    longest = LENGTH * recipe.long_steps  # of a tuned adaptation, on average about half as long
    tuned = confirm.tuning > 0
    steps = rows * confirm.seeds * count_row_steps(file, share, images, tuned=tuned)
    if not file.fine_tunes_mixtures:  # but the published network
        steps += confirm.seeds * share * _fine_tuning_steps(file, tuned=tuned)
    steps += recipe.long_steps + 2 * confirm.tuning * Tuner().folds * longest / 2
    steps += file.search.evaluations * Tuner().folds * longest / 2 * ("few-shots" in confirm.controls)
    steps += _committee_steps(file, sources)
    if "ensemble-teacher" in confirm.variants:
        steps += confirm.seeds * TEACHERS * recipe.long_steps
    return steps


def _fine_tuning_steps(file: StudyFile, *, tuned: bool) -> float:
    """Of one row and training: about half of the longest that tuning may choose, or as many as there are untuned."""
    longest = LENGTH * file.recipe.long_steps
    if tuned:
        return longest / 2
    how = build_adaptations(file)["fine-tune"]
    assert isinstance(how, FineTuning)
    is_pretrained = NETWORKS.build(file.recipe.network, file.recipe.settings).is_pretrained
    return float(how.steps if is_pretrained else Tuner(0, round(longest)).reference(how).steps)


def _cross_fitting_steps(file: StudyFile, sources: int, share: float, images: int) -> float:
    """In each fold: labels, a choice among finalists and baselines, six rows, and the controls."""
    search, recipe = file.search, file.recipe
    row = count_row_steps(file, share, images, tuned=False)
    rows = (6 + _control_rows(file)) * row + _committee_steps(file, sources)
    if not file.fine_tunes_mixtures:  # but the published network
        rows += share * _fine_tuning_steps(file, tuned=False)
    choice = (search.finalists + count_baselines(search.evaluations, sources)) * recipe.steps
    return file.confirm.folds * file.confirm.repeats * (rows + choice + _refinement_steps(file, sources))


def count_row_steps(file: StudyFile, share: float = 1.0, images: int = 0, *, tuned: bool = True) -> float:
    """Steps of one row and training, pretraining and adaptations; arguments as in `count_confirmation_steps`."""
    fine_tuning, tails = _fine_tuning_steps(file, tuned=tuned), 1 + file.recipe.keeps_features
    read = _READING * images / file.recipe.batch if file.mixes_features else 0.0  # the pretrained tail's are known
    own = share * fine_tuning * (1 + _READING / 2 * (tails - 1))  # the pretrained tail goes forward too, in bfloat16
    own *= file.fine_tunes_mixtures
    return file.recipe.long_steps + own + read + _semi_supervised_steps(file, fine_tuning)


def _control_rows(file: StudyFile) -> float:
    """What the controls cost, in ordinary rows."""
    return sum(CONTROLS.entry(name).option.cost for name in file.confirm.controls)


def _committee_steps(file: StudyFile, sources: int) -> float:
    """Of the networks that controls need, where they do not label the reference anyway."""
    refinement = build_refinement(file)
    if not NEED_COMMITTEE & {*file.confirm.controls} or (refinement is not None and refinement.members > 1):
        return 0.0
    return (2 + min(sources, MOST_NETWORKS)) * file.recipe.long_steps


def _refinement_steps(file: StudyFile, sources: int) -> float:
    """Of the networks that label the target: two mixtures, and for an ensemble the nearest single sources."""
    refinement = build_refinement(file)
    if refinement is None:
        return 0.0
    return (2 + min(sources, MOST_NETWORKS) * (refinement.members > 1)) * refinement.recipe.steps


def _semi_supervised_steps(file: StudyFile, fine_tuning: float) -> float:
    """Of one row and training, of an adaptation that learns from unlabelled images: it grows as fine-tuning does."""
    adaptations = build_adaptations(file)
    usual, how = adaptations["fine-tune"], adaptations[file.recipe.adaptation]
    if not isinstance(how, SelfTraining | FixMatch):
        return 0.0
    assert isinstance(usual, FineTuning)
    longest = max(LENGTH * file.recipe.long_steps, how.steps)
    steps = min(how.steps * fine_tuning / usual.steps, longest)
    if isinstance(how, SelfTraining):
        return how.head_steps + steps
    return steps * (1 + 2 * how.ratio)  # a batch holds two views of every unlabelled image
