"""A study with a source that has no labels: checked, searched, exported and reported, saying so everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generators.studies import tiny, write_toml

from geosearch.config.read import parse_study
from geosearch.errors import InvalidDataError, InvalidOptionError
from geosearch.study.estimate import check
from geosearch.study.study import Study


def with_bare_source(folder: Path, **changes: Any) -> dict[str, Any]:
    """The tiny study with the labels of its first source taken away."""
    study = tiny(folder, **changes)
    path = folder / "near.npz"
    np.savez(path, images=np.load(path)["images"])
    return study


def test_it_is_refused_until_the_study_says_how_to_label(tmp_path):
    path = write_toml(tmp_path / "tiny.toml", with_bare_source(tmp_path))
    with pytest.raises(InvalidDataError, match=r"source 'near' has no labels.*domain\.pseudo_labeller"):
        check(path)


def test_a_target_without_labels_is_refused_whatever_the_study_says(tmp_path):
    study = with_bare_source(tmp_path, domain_pseudo_labeller="clusters")
    target, near = study["domain"]["target"], study["domain"]["sources"][0]
    study["domain"] |= {"target": near, "sources": [target, study["domain"]["sources"][1]]}
    with pytest.raises(InvalidDataError, match="has no label at all"):
        check(write_toml(tmp_path / "tiny.toml", study))


def test_the_number_of_labels_needs_a_way_of_labelling(tmp_path):
    with pytest.raises(InvalidOptionError, match=r"'domain\.label_count': needs pseudo_labeller = .clusters. or .g2l."):
        parse_study(tiny(tmp_path, domain_label_count=5))


def test_studies_without_such_sources_keep_their_fingerprint(tmp_path):
    fingerprint = parse_study(tiny(tmp_path)).fingerprint
    assert {key: fingerprint[key] for key in ("domain.pseudo_labeller", "domain.label_count")} == {
        "domain.pseudo_labeller": None,  # what a database that does not know the key says too
        "domain.label_count": None,
    }


def test_a_check_fits_nothing_and_says_that_the_labels_are_made(tmp_path):
    study = with_bare_source(
        tmp_path, domain_pseudo_labeller="g2l", domain_label_count=6, transport_embedding="source-classifier"
    )
    found = check(write_toml(tmp_path / "tiny.toml", study))
    assert [source["classes"] for source in found.sources] == [6, 5]
    assert "no labels, pseudo-labels by G2L by order, 6 labels" in found.text()


def test_it_joins_the_hull_and_the_card_and_the_report_say_where_its_labels_come_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = with_bare_source(
        tmp_path,
        domain_pseudo_labeller="g2l",
        domain_label_count=4,
        domain_pseudo_labels="nearest",
        search_evaluations=7,
        confirm_seeds=1,
    )  # fmt: skip
    run = Study.open(parse_study(study), storage=f"sqlite:///{tmp_path / 'a.db'}")
    run.run()
    near, far = run.prepared.anchors.sources
    assert len(near.classes) == 4
    assert near.labelled_by.startswith("G2L by order, 4 labels from 4 anchor classes: far/")
    assert far.labelled_by == ""
    trial = next(trial.number for trial in run.trials if trial.role == "pooled union")
    said = (run.synthesize(tmp_path / "out", size=5, trial=trial) / "CARD.md").read_text()
    page = run.report(tmp_path / "page").read_text()
    for text in (said, page):
        assert "The labels of near are pseudo-labels" in text
        assert "The labels of far" not in text
