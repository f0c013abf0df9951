"""A whole study whose sets are activations of a pretrained network."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from generators.studies import encoded_file

from geosearch.config.study_config import StudyFile
from geosearch.confirmation.row import NO_PRETRAINING
from geosearch.data.collection import load_collection
from geosearch.embeddings.backbone import ActivationEncoder
from geosearch.errors import InvalidOptionError
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.report.status import status_text
from geosearch.runtime.cache import Cache
from geosearch.search.no_gain import NoGain
from geosearch.search.trial_record import TrialRecord
from geosearch.study.encode import count_missing_images
from geosearch.study.study import Study
from geosearch.study.take_away import choose_row
from geosearch.study.training_steps import count_steps


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyFile:
    monkeypatch.chdir(tmp_path)
    return encoded_file(tmp_path)


def test_a_study_of_activations(file: StudyFile, tmp_path: Path, cache: Cache) -> None:
    images = load_collection(**file.domain.collection, seed=file.study.seed)
    assert count_missing_images(file, images, cache) > 240  # two sources of 60 images in two views, and the target's
    study = Study.open(file, cache=cache)
    study.run()
    assert count_missing_images(file, images, cache) == 0
    prepared = study.prepared
    assert isinstance(prepared.network, PretrainedArchitecture)
    assert prepared.network.codes is not None
    assert prepared.train.shape == prepared.network.codes.image_shape == prepared.anchors.reference.shape
    assert prepared.anchors.sources[0].size == 120  # 60 images and their mirror images
    assert study.confirmation is not None
    assert "no pretraining" in [row.name for row in study.confirmation.rows]
    assert study.confirmation.adaptation in ("ridge", "self-train-ridge")
    assert study.confirmation.tuning[0].startswith(
        f"adaptation: {study.confirmation.adaptation}, chosen by cross-valid"
    )
    trials = [trial for trial in study.trials if trial.state == "complete"]
    assert all([point.coefficient for point in trial.path] == [0, 1] for trial in trials)
    assert len({trial.path[0].squared_error for trial in trials}) == 1  # no pretraining, whatever the mixture
    for trial in trials:
        (chosen,) = (point for point in trial.path if point.coefficient == trial.interpolation)
        assert (trial.error, trial.top1_error) == (chosen.squared_error, chosen.top1_error)
    assert study.confirmation.row("best mixture").interpolation == study.best.interpolation
    assert study.confirmation.row("no pretraining").interpolation is None
    assert f"lambda {study.best.interpolation:g}" in status_text(study.summary())
    walk = dict(study.facts().walk)
    assert list(walk) == ["target", "one", "other"]
    assert walk["one"].shape[1:] == (16, 16, 3)
    facts = study.facts()
    assert [(source.images, source.views) for source in facts.sources] == [(60, 1), (60, 1)]
    assert facts.samples is not None
    assert facts.samples.target.shape == (6, 16, 16, 3)
    np.testing.assert_allclose(facts.samples.shares.sum(0), 1)
    study.report(tmp_path / "report")
    folder = study.export_best()
    with (folder / "rows.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert len({row["sample"] for row in rows}) == 12
    assert {row["source"] for row in rows} <= {"one", "other"}
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    assert " 60 in 2 views " in card
    assert f"lambda {study.best.interpolation:g}" in card
    assert "A table of 12 samples and the source images that each is made of" in card
    assert "12 images" not in card
    assert "12 samples" in card.partition("- Made of ")[2]
    assert "- Confirmed on the test part: " in card
    with pytest.raises(InvalidOptionError, match="leave --condense out"):
        study.synthesize(tmp_path / "condensed", condense=2)
    assert count_steps(file, 2) > 0


def test_a_search_where_no_source_pays(
    file: StudyFile, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = NoGain(6, 4, "pooled union", 0.001, 0.02)
    monkeypatch.setattr(NoGain, "of", classmethod(lambda cls, trials, evaluations, usual: nothing))
    trained = {"recipe_features": "trained", "domain_pseudo_labels": "nearest"}
    stopping = encoded_file(tmp_path, search_stop="no-gain", **trained)
    confirmation = Study.open(stopping, cache=cache).run()
    study = Study.open(stopping, cache=cache)
    assert [trial.role != "searched" for trial in study.trials] == [True] * 4
    assert confirmation.verdict().startswith(f"{nothing.sentence} The answer is the pretrained network as it is with ")
    assert {"ridge", "self-train-ridge"} <= set(confirmation.adaptations)
    assert nothing.sentence in status_text(study.summary())
    choice = choose_row(confirmation)
    assert (choice.row, choice.adaptation) == ("no pretraining", confirmation.adaptation)
    study.report(tmp_path / "report")
    assert study.run() == confirmation  # resumed: nothing is trained again
    assert len(study.trials) == 4
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    more = Study.open(stopping, cache=cache)
    assert "No source pays" not in more.run(evaluations=7).verdict()
    assert sum(trial.state == "complete" for trial in more.trials) == 7


def test_a_search_whose_labels_tell_nothing_takes_the_union_where_the_pretrained_features_are_kept(
    file: StudyFile, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(cls: type[NoGain], trials: Iterable[TrialRecord], evaluations: int, usual: str) -> NoGain:
        (union,) = (trial.number for trial in trials if trial.role == usual)
        return cls(evaluations, 4, "hull projection", 0.001, 0.02, union)

    monkeypatch.setattr(NoGain, "of", classmethod(nothing))
    study = Study.open(encoded_file(tmp_path, search_stop="no-gain", domain_pseudo_labels="nearest"), cache=cache)
    confirmation = study.run()
    assert [trial.role != "searched" for trial in study.trials] == [True] * 4
    assert confirmation.verdict().startswith("The search ended early: none of 4 mixtures of the sources is better")
    assert "No source pays" not in confirmation.verdict()
    assert "Searching" not in confirmation.verdict()
    counts = confirmation.row("best mixture").unlabelled_images
    assert counts == confirmation.row("pooled union").unlabelled_images  # no image chose the best mixture
    assert not confirmation.no_gain  # so the answer is not "no pretraining", unless the test part says so
    assert study.best.role == confirmation.equal == "pooled union"
    assert "The union of all sources is taken" in status_text(study.summary())
    page = study.report(tmp_path / "report").read_text(encoding="utf-8")
    assert "The search ended early" in page
    again = Study.open(study.file, storage=study.store.url, cache=cache)
    assert again.run() == confirmation
    on = Study.open(study.file.with_search(stop="never"), storage=study.store.url, cache=cache)
    assert "ended early" not in on.run().verdict()
    assert on.summary().no_gain is None
    assert sum(trial.state == "complete" for trial in on.trials) == study.file.search.evaluations


def test_with_a_head_on_both_features_only_the_published_network_is_fine_tuned(tmp_path, cache):
    changes = {"recipe_features": "both", "search_evaluations": 0, "confirm_seeds": 1}
    file = encoded_file(tmp_path, domain_pseudo_labels="nearest", **changes)
    study = Study.open(file, storage=f"sqlite:///{tmp_path / 'head.db'}", cache=cache)
    study.run()
    assert not study.file.fine_tunes_mixtures
    tuned = [row.name for row in study.confirmation.rows if "fine-tune" in row.top1_errors]
    assert tuned == [NO_PRETRAINING]
    assert all("ridge" in row.top1_errors for row in study.confirmation.rows)
    (sentence,) = (line for line in study.confirmation.tuning if line.startswith("fine-tune"))
    assert "pretrained 2 steps" not in sentence
    assert study.model(row=NO_PRETRAINING, adaptation="fine-tune").facts.provenance.row == NO_PRETRAINING
    with pytest.raises(InvalidOptionError, match="'pooled union' was not adapted by fine-tune"):
        study.model(row="pooled union", adaptation="fine-tune")
    assert study.file.with_adaptation("fine-tune").fine_tunes_mixtures


def test_the_embedding_encodes_no_image_of_a_source(
    file: StudyFile, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    encode = ActivationEncoder.encode
    monkeypatch.setattr(ActivationEncoder, "encode", lambda self, x: (given.append(len(x)), encode(self, x))[1])
    prepared = Study.open(file, cache=cache).prepared
    sources = [len(source) for source in prepared.collection.sources]
    assert sources == [120, 120]  # both views
    found = prepared.anchors.encoder.encode(prepared.collection.sources[0].images)
    assert not {*sources} & {*given}
    again = encode(prepared.anchors.encoder.encoder, prepared.collection.sources[0].images)
    np.testing.assert_allclose(found, again, atol=0.2 * again.std())  # but for rounding
