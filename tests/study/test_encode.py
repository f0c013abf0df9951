"""A whole study whose sets are activations of a pretrained network."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from geosearch.config.study_config import StudyFile
from geosearch.errors import InvalidOptionError
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.runtime.cache import Cache
from geosearch.study.estimate import count_steps
from geosearch.study.study import Study


def _set(path: Path, seed: int, classes: int, count: int) -> str:
    """Colored noise, a mean color for every class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    colors = rng.integers(0, 200, (classes, 1, 1, 3))
    images = (colors[labels] + rng.integers(0, 56, (count, 16, 16, 3))).astype(np.uint8)
    np.savez(path, images=images, labels=labels, class_names=np.array([f"c{i}" for i in range(classes)]))
    return f"npz:{path}"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyFile:
    monkeypatch.chdir(tmp_path)
    names = [_set(tmp_path / f"{name}.npz", i, 3, 200) for i, name in enumerate(("target", "one", "other"))]
    return StudyFile.model_validate(
        {
            "study": {"name": "features"},
            "domain": {
                "target": names[0],
                "sources": names[1:],
                "size": 16,
                "shots": 3,
                "reference": 30,
                "held_out": 20,
                "test_size": 40,
                "samples": 60,
            },
            "search": {"evaluations": 6, "finalists": 1, "repeats": 1, "proxy_samples": 20, "jobs": 1},
            "recipe": {
                "network": "torchvision:shufflenet_v2_x0_5",
                "weights": "random",
                "resolution": 32,
                "steps": 2,
                "long_steps": 2,
                "fine_tune_steps": 2,
                "batch": 8,
                "views": 1,
            },
            "confirm": {"seeds": 2, "tuning": 0, "export": 12},
        }
    )


def test_a_study_of_activations(file: StudyFile, tmp_path: Path, cache: Cache) -> None:
    study = Study.open(file, cache=cache)
    study.run()
    prepared = study.prepared
    assert isinstance(prepared.network, PretrainedArchitecture)
    assert prepared.network.codes is not None
    assert prepared.train.shape == prepared.network.codes.image_shape == prepared.anchors.reference.shape
    assert prepared.anchors.sources[0].size == 120  # 60 images and their mirror images
    assert study.confirmation is not None
    assert "no pretraining" in [row.name for row in study.confirmation.rows]
    walk = dict(study.facts().walk)
    assert list(walk) == ["target", "one", "other"]
    assert walk["one"].shape[1:] == (16, 16, 3)
    study.report(tmp_path / "report")
    folder = study.export_best()
    with (folder / "rows.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert len({row["sample"] for row in rows}) == 12
    assert {row["source"] for row in rows} <= {"one", "other"}
    assert (folder / "CARD.md").is_file()
    with pytest.raises(InvalidOptionError, match="cannot be written yet"):
        study.model()
    with pytest.raises(InvalidOptionError, match="leave --condense out"):
        study.synthesize(tmp_path / "condensed", condense=2)
    assert count_steps(file, 2) > 0
