"""Whether a study is asked for with the settings and the data that it was begun with, wherever its sets lie now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from geosearch.data.loaders.registry import portable_id


def differing(kept: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Keys in which two fingerprints ('section.key' -> value) differ.

    A key that either side does not know is as good as one that is empty: an empty value, be it the default or not, says
    that everything is as it was before the key. Sets go by their place on the shelf and their name: where they lie
    does not matter, and that they are the same is for `changed` to see.
    """
    old, new = _placed(kept), _placed(asked)
    return [key for key in sorted({*kept, *asked}) if (old.get(key) or None) != (new.get(key) or None)]


def said(settings: Mapping[str, Any], key: str) -> str:
    """A setting as a message shows it."""
    return repr(settings[key]) if key in settings else "not set (as 0 or empty)"


def changed(known: Mapping[str, str], contents: Mapping[str, str]) -> list[str]:
    """Which of the known sets (specification -> fingerprint, in the order of the shelf) are not what they were."""
    now = {place: contents[spec] for spec, place in _places(contents).items()}
    return [spec for spec, place in _places(known).items() if now.get(place) != known[spec]]


def found_on(collection: Sequence[str], specs: Sequence[str]) -> dict[str, str]:
    """Specification -> the one on the shelf: itself or, if the set was moved, the only one of its name."""
    names, moved = _named(specs), _named(collection)
    again = {spec: moved[name] for name, spec in names.items() if name in moved}
    return again | {spec: spec for spec in specs if spec in collection}


def _named(specs: Sequence[str]) -> dict[str, str]:
    """Name without folders -> specification, where there is one of that name."""
    counts = Counter(map(portable_id, specs))
    return {portable_id(spec): spec for spec in specs if counts[portable_id(spec)] == 1}


def _placed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, every set in them by its place."""
    places = _places([settings.get("domain.target", ""), *settings.get("domain.sources", [])])

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {places.get(key, key): placed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [placed(inner) for inner in value]
        return places.get(value, value) if isinstance(value, str) else value

    return {key: placed(value) for key, value in settings.items()}


def _places(specs: Iterable[str]) -> dict[str, str]:
    """Specification of a set -> its number and its name, without the folders that it lies in."""
    return {spec: f"{i} {portable_id(spec)}" for i, spec in enumerate(specs)}
