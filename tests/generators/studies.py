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


WHOLE: dict[str, Any] = {"confirm_tuning": 2, "confirm_explain": True}  # what a study has and most tests do not need


def tiny(folder: Path, **changes: Any) -> dict[str, Any]:
    """The study as nested dictionaries; `changes` are 'section_key' -> value. Nothing is tuned or explained."""
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
            "pseudo_labels": "nearest",  # networks that label take most of the time
        },
        "transport": {"embedding": "pca"},
        "search": {"evaluations": 10, "finalists": 2, "repeats": 2, "sampler": "tpe", "jobs": 1, "proxy_samples": 20},
        "recipe": {"width": 4, "steps": 4, "long_steps": 8, "fine_tune_steps": 3, "batch": 8},
        "confirm": {"seeds": 2, "export": 12, "controls": [], "tuning": 0, "explain": False},
    }
    for name, value in changes.items():
        section, key = name.split("_", 1)
        study.setdefault(section, {})[key] = value
    return study


def tiny_file(folder: Path, **changes: Any) -> StudyFile:
    return parse_study(tiny(folder, **changes))


OWN_COUNTS = (5, 3, 4, 1)  # labels of each class


def own_file(folder: Path, counts: tuple[int, ...] = OWN_COUNTS, **changes: Any) -> StudyFile:
    """A study of few uneven labels, unlabelled images, and no test part."""
    return parse_study(own(folder, counts, **changes))


def own(folder: Path, counts: tuple[int, ...] = OWN_COUNTS, **changes: Any) -> dict[str, Any]:
    """The same as nested dictionaries; `counts` labels of each class."""
    made = blobs("mine", 4, 40, seed=0, size=12, shift=0)
    rows = [np.flatnonzero(made.labels == label) for label in range(4)]
    labelled = np.concatenate([row[:count] for row, count in zip(rows, counts, strict=True)])
    rest = np.setdiff1d(np.arange(len(made)), labelled)
    np.savez(folder / "labelled.npz", images=made.images[labelled], labels=made.labels[labelled])
    np.savez(folder / "loose.npz", images=made.images[rest])
    domain = {
        "domain_target": f"npz:{folder / 'labelled.npz'}",
        "domain_unlabelled": f"npz:{folder / 'loose.npz'}",
        "search_evaluations": 6,
        "confirm_folds": 3,
    }
    study = tiny(folder, **(domain | changes))
    study["domain"] = {key: value for key, value in study["domain"].items() if key != "shots" and value is not None}
    return study


def colored_set(path: Path, seed: int, classes: int = 3, count: int = 200) -> str:
    """Colored noise of 16 px, a mean color for every class, in an npz file; its specification."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    colors = rng.integers(0, 200, (classes, 1, 1, 3))
    images = (colors[labels] + rng.integers(0, 56, (count, 16, 16, 3))).astype(np.uint8)
    np.savez(path, images=images, labels=labels, class_names=np.array([f"c{i}" for i in range(classes)]))
    return f"npz:{path}"


def encoded_file(folder: Path, **changes: Any) -> StudyFile:
    """A study of colored images before a pretrained network; it mixes activations."""
    names = [colored_set(folder / f"{name}.npz", i) for i, name in enumerate(("target", "one", "other"))]
    study: dict[str, Any] = {
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
        "search": {"evaluations": 6, "finalists": 1, "repeats": 1, "proxy_samples": 20, "jobs": 1, "stop": "never"},
        "recipe": {
            "network": "timm:test_resnet",
            "weights": "random",
            "resolution": 32,
            "steps": 2,
            "long_steps": 2,
            "fine_tune_steps": 2,
            "batch": 8,
            "views": 1,
        },
        "confirm": {"seeds": 2, "tuning": 0, "export": 12, "controls": [], "explain": False},
    }
    for name, value in changes.items():
        section, key = name.split("_", 1)
        study.setdefault(section, {})[key] = value
    if study["recipe"].get("trainable", "last") == "last":
        study["recipe"].setdefault("features", "both")  # the default of weights that are not random
    return parse_study(study)


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
