"""Fingerprints: comparison of the settings and data sets of two runs of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from geosearch.data.loaders.registry import portable_id
from geosearch.runtime.redact import mask_all

BEFORE = {
    "domain.fit": "crop",
    "domain.label_space": "disjoint",
    "recipe.augmentation": "fixed",
    "recipe.features": "trained",
    "search.hypergradient": "look-ahead",
}  # what studies did before these keys; fingerprints leave these values out


def find_differences(kept: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Keys in which two fingerprints ('section.key' -> value) differ.

    A missing key equals an empty value: an empty value means the behavior from before the key existed. Data sets are
    compared by their position and name, so that they may be moved to another folder; `find_changed` compares their
    contents.

    >>> find_differences({"study.seed": 0}, {"study.seed": 1, "search.earlier": []})
    ['study.seed']
    """
    old, new = _placed(kept), _placed(asked)
    return [key for key in sorted({*kept, *asked}) if (old.get(key) or None) != (new.get(key) or None)]


def format_setting(settings: Mapping[str, Any], key: str) -> str:
    """A setting as a message shows it.

    >>> format_setting({}, "recipe.features"), format_setting({}, "transport.weights")
    ("'trained'", 'not set (as 0 or empty)')
    """
    if key not in settings and key in BEFORE:
        return repr(BEFORE[key])
    return repr(mask_all(settings[key])) if key in settings else "not set (as 0 or empty)"


def find_changed(known: Mapping[str, str], contents: Mapping[str, str]) -> list[str]:
    """Data sets whose contents changed: specification -> content hash before and now, in the same order."""
    now = {place: contents[spec] for spec, place in _places(contents).items()}
    return [spec for spec, place in _places(known).items() if now.get(place) != known[spec]]


def match_specs(collection: Sequence[str], specs: Sequence[str]) -> dict[str, str]:
    """Specification -> the matching one of a collection: itself or, if the set was moved, the only one of its name."""
    names, moved = _named(specs), _named(collection)
    again = {spec: moved[name] for name, spec in names.items() if name in moved}
    return again | {spec: spec for spec in specs if spec in collection}


def _named(specs: Sequence[str]) -> dict[str, str]:
    """Name without folders -> specification, for names that occur once."""
    counts = Counter(map(portable_id, specs))
    return {portable_id(spec): spec for spec in specs if counts[portable_id(spec)] == 1}


def _placed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with the position and name of a data set in place of its specification."""
    parts = [spec for key in ("domain.unlabelled", "domain.test") if (spec := settings.get(key))]
    places = _places([settings.get("domain.target", ""), *settings.get("domain.sources", []), *parts])

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {places.get(key, key): placed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [placed(inner) for inner in value]
        return places.get(value, value) if isinstance(value, str) else value

    return {key: placed(value) for key, value in settings.items()}


def _places(specs: Iterable[str]) -> dict[str, str]:
    """Specification of a data set -> its position and its name without folders."""
    return {spec: f"{i} {portable_id(spec)}" for i, spec in enumerate(specs)}
