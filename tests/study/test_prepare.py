"""A study of few uneven labels without a test set runs to its end; bad input gives one message each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generators.sets import blobs
from generators.studies import tiny, write_toml
from generators.training import train_briefly

from geosearch.cli.main import main
from geosearch.config.read import parse_study
from geosearch.mixture.label_spaces.merged import MergedLabels
from geosearch.nn import Recipe
from geosearch.pseudo_labels.ensemble import EnsembleLabelling
from geosearch.study.study import Study

COUNTS = (1, 2, 4, 7)


def own(folder: Path, **changes: object) -> dict[str, dict[str, object]]:
    """The study of tests/generators with uneven labels, the other images without, and no test set."""
    study = tiny(folder, search_evaluations=7, confirm_seeds=1, confirm_folds=3)
    made = blobs("target", 4, 40, size=12, seed=0)
    rows = np.concatenate([np.flatnonzero(made.labels == label)[:count] for label, count in enumerate(COUNTS)])
    rest = np.setdiff1d(np.arange(len(made)), rows)
    np.savez(folder / "few.npz", images=made.images[rows], labels=made.labels[rows])
    np.savez(folder / "loose.npz", images=made.images[rest[::2]])
    np.savez(folder / "checked.npz", images=made.images[rest[1::2]], labels=made.labels[rest[1::2]])
    domain = study["domain"]
    del domain["shots"]
    domain |= {"target": f"npz:{folder}/few.npz", "unlabelled": f"npz:{folder}/loose.npz", **changes}
    study["domain"] = {key: value for key, value in domain.items() if value is not None}
    return study


@pytest.mark.parametrize("unlabelled", [True, False])
def test_a_study_without_a_test_set_runs_to_its_end(tmp_path: Path, unlabelled: bool, cache, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    train_briefly(monkeypatch, EnsembleLabelling, head=Recipe(steps=5))
    changes = {"pseudo_labels": "ensemble"} if unlabelled else {"unlabelled": None}
    file = parse_study(own(tmp_path, **changes))
    study = Study.open(file, storage="sqlite:///study.db", cache=cache)
    confirmation = study.run()
    assert study.prepared.target.counts.tolist() == [*COUNTS]
    assert study.prepared.target.is_copied is not unlabelled
    assert confirmation.judged_by
    assert study.synthesize("mixture", size=4).exists()
    page = study.report("page").read_text()
    assert "1 class has a single label" in page
    assert "14 labelled images of 4 classes, 1 to 7 a class" in page


def test_with_a_test_set_it_judges_as_in_a_benchmark(tmp_path: Path, cache, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = Study.open(
        parse_study(own(tmp_path, test=f"npz:{tmp_path}/checked.npz")), storage="sqlite:///s.db", cache=cache
    )
    assert study.prepared.target.test_labels is not None
    assert 0 < len(study.prepared.target.test_images) <= 40


def bad_input(folder: Path) -> dict[str, tuple[dict[str, object], str]]:
    made = blobs("target", 5, 4, size=12, seed=0)
    few = np.load(folder / "few.npz")
    np.savez(folder / "five.npz", images=made.images, labels=made.labels)
    np.savez(folder / "one.npz", images=few["images"], labels=few["labels"] * 0)
    np.savez(folder / "shared.npz", **few)
    (folder / "empty" / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "gone.csv").write_text("file,label\na.png,x\nb.png,y\n")
    (folder / "bare.csv").write_text("file,width,height\nempty.png,1,2\n")
    return {
        "no label": ({"target": f"npz:{folder}/loose.npz"}, "has no label at all"),
        "one class": ({"target": f"npz:{folder}/one.npz"}, "one class only"),
        "no column": ({"target": f"labels_table:{folder}/bare.csv"}, "no column is called label or class"),
        "no files": ({"target": f"labels_table:{folder}/gone.csv"}, "names 2 files that are not there"),
        "no images": ({"unlabelled": f"imagefolder:{folder}/empty"}, "has no image that can be read, at any depth"),
        "new class": ({"test": f"npz:{folder}/five.npz"}, "has classes that the labels of 'few' lack: 4"),
        "shared": ({"test": f"npz:{folder}/shared.npz"}, "are labelled images of 'few' too"),
        "twice": ({"test": 40, "test_size": 40}, "test_size alone will do"),
    }


@pytest.mark.parametrize(
    "case", ["no label", "one class", "no column", "no files", "no images", "new class", "shared", "twice"]
)
@pytest.mark.parametrize("command", ["check", "search"])
def test_bad_input_is_one_message_and_exit_code_2(case: str, command: str, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    own(tmp_path)
    changes, message = bad_input(tmp_path)[case]
    path = write_toml(tmp_path / "study.toml", own(tmp_path, **changes))
    assert main([command, str(path)]) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said


def test_the_mixtures_of_a_study_have_the_labels_of_its_label_space(tmp_path: Path, cache) -> None:
    disjoint, merged = (
        Study.open(
            parse_study(tiny(tmp_path, domain_label_space=one)), storage=f"sqlite:///{tmp_path}/{one}", cache=cache
        )
        for one in ("disjoint", "merged")
    )
    assert len(disjoint.prepared.anchors.class_names) == 9
    assert disjoint.prepared.anchors.label_space is None
    assert "domain.label_space" not in disjoint.file.fingerprint
    anchors = merged.prepared.anchors
    expected = MergedLabels().fit(merged.prepared.collection.sources, anchors.encoder)
    assert anchors.class_names == expected.class_names
    assert merged.file.fingerprint["domain.label_space"] == "merged"
