"""A study that is real in every part and over in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from generators.sets import blobs

from geosearch.config.read import parse_study
from geosearch.config.study_config import StudyFile


def write_sets(folder: Path) -> dict[str, Path]:
    """Three npz files: a target and two sources."""
    paths = {}
    for i, (name, classes) in enumerate([("target", 4), ("near", 4), ("far", 5)]):
        made = blobs(name, classes, 40, seed=i, size=12, shift=5 * i)
        paths[name] = folder / f"{name}.npz"
        np.savez(paths[name], images=made.images, labels=made.labels)
    return paths


def tiny(folder: Path, **changes: Any) -> dict[str, Any]:
    """The study as nested dictionaries; `changes` are 'section_key' -> value."""
    paths = write_sets(folder)
    study: dict[str, Any] = {
        "study": {"name": "tiny", "seed": 3},
        "domain": {
            "target": f"npz:{paths['target']}",
            "sources": [f"npz:{paths['near']}", f"npz:{paths['far']}"],
            "shots": 3,
            "size": 12,
            "reference": 40,
            "held_out": 20,
            "test_size": 40,
        },
        "transport": {"embedding": "pca"},
        "search": {"evaluations": 10, "finalists": 2, "repeats": 2, "sampler": "tpe", "jobs": 1, "proxy_samples": 20},
        "recipe": {"width": 4, "steps": 4, "long_steps": 8, "fine_tune_steps": 3, "batch": 8},
        "confirm": {"seeds": 2, "export": 12, "controls": [], "tuning": 2},
    }
    for name, value in changes.items():
        section, key = name.split("_", 1)
        study.setdefault(section, {})[key] = value
    return study


def tiny_file(folder: Path, **changes: Any) -> StudyFile:
    return parse_study(tiny(folder, **changes))


def write_toml(path: Path, study: dict[str, Any]) -> Path:
    """Just enough of a TOML writer for `tiny`."""

    def literal(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return f"[{', '.join(map(literal, value))}]"
        return f'"{value}"' if isinstance(value, str) else str(value)

    lines = []
    for section, keys in study.items():
        lines += [f"[{section}]", *(f"{key} = {literal(value)}" for key, value in keys.items()), ""]
    path.write_text("\n".join(lines))
    return path
