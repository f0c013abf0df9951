"""What a study hands over predicts what its confirmation predicted."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from generators.studies import tiny_file

import geosearch
from geosearch.confirmation.statistics import BEST, Confirmation, Row, RowKind
from geosearch.data.loaders.registry import load
from geosearch.errors import InvalidOptionError, OutputExistsError
from geosearch.model.files import dump_model, write_model
from geosearch.study.build import build_confirmer, build_search
from geosearch.study.study import Study
from geosearch.study.take_away import TakeAway, choose_row


@pytest.fixture(scope="module")
def study(tmp_path_factory, shared_cache) -> Study:
    folder = tmp_path_factory.mktemp("taken")
    file = tiny_file(folder, recipe_adaptation="self-train", recipe_unlabelled=30)
    opened = Study.open(file, storage=f"sqlite:///{folder / 'tiny.db'}", cache=shared_cache)
    opened.run()
    return opened


def confirmed(study: Study, row: str, adaptation: str) -> np.ndarray:
    """Test classes that the confirmation predicted with its first seed."""
    job = build_search(study.file, study.prepared, study.store, study.cache, study.progress)
    confirmer = build_confirmer(study.file, study.prepared, study.cache)
    candidate = next(one.candidate for one in study._rows(job) if one.name == row)
    return confirmer.predictions(candidate, study.confirmation.seeds[0])[0][adaptation]


@pytest.mark.parametrize("adaptation", ["ridge", "fine-tune", "self-train"])
@pytest.mark.parametrize("row", [BEST, "pooled union", "no pretraining"])
def test_the_model_predicts_what_the_confirmation_predicted(study, row, adaptation, tmp_path):
    model = study.model(row=row, adaptation=adaptation)
    folder = write_model(model, tmp_path / "model")
    again = geosearch.load_model(folder)
    expected = confirmed(study, row, adaptation)
    assert np.array_equal(again.predict(study.prepared.target.test_images).labels, expected)
    assert model.facts.provenance.row == row
    assert model.facts.provenance.unlabelled == (40 if adaptation == "self-train" else 0)
    assert [one.name for one in model.facts.provenance.sources] == {
        BEST: [name for name, weight in zip(study.source_names, study.best.weights, strict=True) if weight > 0],
        "pooled union": ["near", "far"],
        "no pretraining": [],
    }[row]


def test_raw_images_of_the_target_are_prepared_as_the_study_did(study):
    model, target = study.model(), study.prepared.target
    raw = load(study.file.domain.target)
    assert target.test_from_train
    assert np.array_equal(model.facts.preprocessing.apply(raw.images[target.rows["test"]]), target.test_images)


def test_a_model_is_trained_once(study, monkeypatch):
    first = dump_model(study.model(row=BEST))
    monkeypatch.setattr(TakeAway, "_train", lambda *_, **__: pytest.fail("trained again"))
    again = dump_model(study.model(row=BEST))
    assert first[0] == again[0]
    assert all(np.array_equal(first[1][name], again[1][name]) for name in first[1])


def test_the_same_study_gives_the_same_model(study, cache):
    first = dump_model(study.model(row=BEST, adaptation="fine-tune"))
    other = Study.open(study.file, storage=study.store.url, cache=cache)
    assert dump_model(other.model(row=BEST, adaptation="fine-tune"))[1].keys() == first[1].keys()
    again = dump_model(other.model(row=BEST, adaptation="fine-tune"))
    assert all(np.array_equal(first[1][name], again[1][name]) for name in first[1])


def test_the_card_holds_verdict_licenses_and_lines_that_run(study, tmp_path, monkeypatch):
    folder = write_model(study.model(row=BEST), tmp_path / "model")
    card = (folder / "README.md").read_text()
    assert "Verdict of the study: " in card
    assert "license" in card
    monkeypatch.chdir(tmp_path)
    lines = re.search(r"```python\n(.*?)```", card, re.S).group(1)
    assert len(lines.strip().splitlines()) == 3
    exec(lines, {"images": np.zeros((2, 20, 20), np.uint8)})
    with pytest.raises(OutputExistsError):
        write_model(study.model(row=BEST), folder)


def test_what_the_confirmation_lacks_is_refused(study, tmp_path):
    with pytest.raises(InvalidOptionError, match="no row 'nonsense'; it has 'best mixture'"):
        study.model(row="nonsense")
    with pytest.raises(InvalidOptionError, match="no adaptation 'nonsense'; it has 'ridge'"):
        study.model(adaptation="nonsense")
    fresh = Study.open(tiny_file(tmp_path), storage=f"sqlite:///{tmp_path / 'tiny.db'}", cache=study.cache)
    with pytest.raises(InvalidOptionError, match="run 'geosearch resume"):
        fresh.model()


def confirmation(**errors: tuple[float, ...]) -> Confirmation:
    kinds = {BEST: RowKind.BEST, "no pretraining": RowKind.NO_PRETRAINING}
    rows = tuple(
        Row(name.replace("_", " "), {"ridge": values, "self-train": values}, 1.0, kinds.get(name, RowKind.BASELINE))
        for name, values in errors.items()
    )
    return Confirmation(rows, "ridge", seeds=(1, 2, 3), test_size=100)


def test_the_best_mixture_is_taken_unless_another_row_is_clearly_better():
    best = (0.20, 0.21, 0.20)
    tie = confirmation(best_mixture=best, pooled_union=(0.19, 0.22, 0.19))
    assert choose_row(tie).row == BEST
    lost = confirmation(best_mixture=best, pooled_union=(0.15, 0.16, 0.15), no_pretraining=(0.10, 0.11, 0.11))
    assert choose_row(lost).row == "no pretraining"
    assert "lower than that of the best mixture by 9.7" in choose_row(lost).why
    assert choose_row(lost, "pooled union").row == "pooled union"


def test_the_studys_adaptation_is_taken_unless_another_one_is_clearly_better():
    found = confirmation(best_mixture=(0.20, 0.21, 0.20))
    assert choose_row(found).adaptation == "ridge"
    better = {"ridge": (0.20, 0.21, 0.20), "self-train": (0.10, 0.11, 0.11)}
    rows = (replace(found.rows[0], top1_errors=better),)
    assert choose_row(replace(found, rows=rows)).adaptation == "self-train"
    assert choose_row(replace(found, rows=rows), adaptation="ridge").adaptation == "ridge"
