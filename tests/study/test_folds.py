"""Cross-fitting of a whole study: nothing in a fold has seen the labels that judge it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.studies import OWN_COUNTS as COUNTS
from generators.studies import own_file

from geosearch.adaptation.automatic import Automatic
from geosearch.confirmation.cross_fitting import CrossFitting
from geosearch.confirmation.row import BEST, NO_PRETRAINING, RowKind
from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION
from geosearch.report.status import status_text
from geosearch.study import folds
from geosearch.study.folds import BEST_SINGLE, FoldBuilder
from geosearch.study.prepare import prepare_collection
from geosearch.study.study import Study
from geosearch.study.without_source import CHOSEN_IN_FOLDS


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Study.open(own_file(tmp_path, confirm_tuning=2), storage=f"sqlite:///{tmp_path / 'study.db'}")


def test_a_fold_is_the_study_of_someone_without_these_labels(study):
    prepared = study.prepared
    judged = np.array([0, 6, 9])
    there = prepare_collection(study.file, prepared.collection, study.space, study.cache, without=judged)
    kept = np.setdiff1d(np.arange(len(prepared.target.shots)), judged)
    train = prepared.target.shots.take(kept)
    alone = prepare_collection(study.file, replace(prepared.collection, train=train), study.space, study.cache)
    assert there.target.key == alone.target.key
    assert there.hull.projection() == alone.hull.projection()
    seen = {image.tobytes() for image in there.target.shots.images}
    assert not seen & {image.tobytes() for image in prepared.target.shots.images[judged]}


def test_a_study_without_a_test_part_is_judged_by_its_labels_in_folds(study):
    confirmation = study.run()
    assert {row.name for row in confirmation.rows} == {BEST, BEST_SINGLE, POOLED, PROJECTION, CLOUD, NO_PRETRAINING}
    judged = sum(count for count in COUNTS if count > 1)
    assert confirmation.test_size == judged
    for row in confirmation.rows:
        for name, (error,) in row.top1_errors.items():
            assert round(error * judged) == pytest.approx(error * judged)
            assert row.half_widths[name] > 0
    verdict = confirmation.verdict()
    assert "judged by 12 labels (1 more are the only ones of their class" in verdict
    assert "in 3 folds" in verdict
    assert study.run() == confirmation  # kept
    card = (study.synthesize("rows", size=4, rows=True) / "CARD.md").read_text(encoding="utf-8")
    assert f"- Confirmed: {verdict[:20]}" in card
    before = status_text(replace(study.summary(), confirmation=None))
    assert "not confirmed yet" in before
    assert "test part" not in before
    (line,) = (line for line in status_text(study.summary()).splitlines() if line.startswith(NO_PRETRAINING))
    assert line.count("±") == 3  # two adaptations, and the balanced error


def test_controls_are_judged_in_folds_too_with_what_each_fold_may_see(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["committee", "single-source", "transferability", "joint-training"]
    file = own_file(tmp_path, confirm_controls=names, confirm_tuning=2)
    study = Study.open(file, storage=f"sqlite:///{tmp_path / 'controls.db'}")
    seen = []
    build = folds.build_controls

    def note(file, prepared, *args, **options):
        seen.append({image.tobytes() for image in prepared.target.shots.images})
        return build(file, prepared, *args, **options)

    monkeypatch.setattr(folds, "build_controls", note)
    confirmation = study.run()
    controls = {row.name: row for row in confirmation.rows if row.kind is RowKind.CONTROL}
    assert set(controls) == {
        "committee-taught pooled union",
        "single by OTDD",
        "single by LogME",
        "pooled union and shots at once",
    }
    assert controls["single by OTDD"].label in {"near", "far"} or "of 3 folds" in controls["single by OTDD"].label
    assert controls["committee-taught pooled union"].networks["ridge"] > 1
    images = study.prepared.target.shots.images
    splits = CrossFitting(folds=3).splits(study.prepared.target.shots.labels, study.file.study.seed)
    for split, shown in zip(splits, seen, strict=True):
        assert not shown & {image.tobytes() for image in images[split.judged]}
    assert study.run() == confirmation
    monkeypatch.undo()
    fewer = own_file(tmp_path, confirm_controls=[])
    again = Study.open(fewer, storage=f"sqlite:///{tmp_path / 'controls.db'}").run()
    assert not any(row.kind is RowKind.CONTROL for row in again.rows)


def test_without_a_search_each_fold_judges_its_own_free_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = own_file(tmp_path, search_evaluations=0)
    confirmation = Study.open(file, storage=f"sqlite:///{tmp_path / 'free.db'}").run()
    best, cloud = confirmation.row(BEST), confirmation.row(CLOUD)
    assert best.top1_errors == cloud.top1_errors
    assert best.unlabelled_images == cloud.unlabelled_images


def test_an_interrupted_cross_fitting_goes_on_with_the_same_numbers(study, tmp_path):
    class StopError(Exception):
        pass

    whole = study.run()
    again = Study.open(own_file(tmp_path), storage=f"sqlite:///{tmp_path / 'again.db'}")
    builder, built = FoldBuilder.__call__, []

    def stop_at_the_second(self, split):
        built.append(split.number)
        if len(built) == 2:
            raise StopError
        return builder(self, split)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FoldBuilder, "__call__", stop_at_the_second)
        with pytest.raises(StopError):
            again.run()
    resumed = Study.open(own_file(tmp_path), storage=f"sqlite:///{tmp_path / 'again.db'}").run()
    assert [row.top1_errors for row in resumed.rows] == [row.top1_errors for row in whole.rows]


def test_labels_set_aside_are_the_test_part(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = own_file(tmp_path, confirm_hold_out=0.4, search_evaluations=0)
    study = Study.open(file, storage=f"sqlite:///{tmp_path / 'held.db'}")
    target = study.prepared.target
    assert target.counts.tolist() == [3, 2, 3, 1]
    assert len(target.test_images) == 4
    assert "4 of 13 labels are set aside before anything looks at them, and judge the result" in target.notes
    assert study.run().test_size == 4


def test_splits_judge_every_label_once_a_repetition_but_the_only_ones_of_their_class():
    labels = np.repeat(np.arange(4), COUNTS)
    splits = CrossFitting(folds=3, repeats=2).splits(labels, seed=0)
    for repeat in range(2):
        judged = np.concatenate([split.judged for split in splits if split.repeat == repeat])
        assert sorted(judged.tolist()) == list(range(12))
    assert len({split.seed for split in splits}) == 2


def test_a_head_that_labels_choose_is_chosen_in_each_fold_without_those_that_judge(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []
    choose = Automatic.choose

    def note(self, network, shots, seed):
        seen.append({image.tobytes() for image in shots.images})
        return choose(self, network, shots, seed)

    monkeypatch.setattr(Automatic, "choose", note)
    study = Study.open(own_file(tmp_path).with_adaptation("auto"), storage=f"sqlite:///{tmp_path / 'auto.db'}")
    confirmation = study.run()
    assert confirmation.adaptation == "auto"
    assert confirmation.tuning[0] == CHOSEN_IN_FOLDS
    shots = study.prepared.target.shots
    splits = CrossFitting(study.file.confirm.folds, study.file.confirm.repeats).splits(
        shots.labels, study.file.study.seed
    )
    judged = [{image.tobytes() for image in shots.images[split.judged]} for split in splits]
    assert seen
    assert all(any(not labels & left_out for left_out in judged) for labels in seen)
    assert study.model().facts.adaptation["type"] == "auto"
