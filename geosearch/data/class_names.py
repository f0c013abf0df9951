"""Class names as people write them: compared between the parts of a set, and within one."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable


def tidy_name(name: str) -> str:
    """A name without blanks around it, and with letters and their accents as one sign (NFC).

    >>> tidy_name(" cafe\\u0301 ") == "caf\\u00e9"
    True
    """
    return unicodedata.normalize("NFC", name).strip() or name


def match_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Names of one part of a set -> the names that the other part has for the same classes.

    Names that the other part lacks count as equal to its own if only capital letters, blanks and underscores, or zeros
    before a number differ, and if no second name comes in question. Others stay.

    >>> match_names(["cat", "7", "emu"], ["Cat", "dog", "00007"])
    {'cat': 'Cat', '7': '00007', 'emu': 'emu'}
    """
    names, known = [*names], [*known]
    theirs, ours = Counter(map(_key, known)), Counter(map(_key, names))
    by_key = {_key(name): name for name in known}
    unique = {key for key, count in theirs.items() if count == ours[key] == 1}
    return {name: by_key[_key(name)] if name not in known and _key(name) in unique else name for name in names}


def describe_similar(names: Iterable[str]) -> str:
    """What to say of classes of one set whose names differ by capital letters and the like; empty if none do.

    Single letters are left alone: sets of letters have small and capital ones.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_key(name), []).append(name)
    similar = [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1 and len(group[0]) > 1]
    return f"nearly the same name for different classes: {', '.join(similar[:3])}; join them if they mean one" * bool(
        similar
    )


def _key(name: str) -> str:
    text = tidy_name(name).casefold()
    return str(int(text)) if text.isdecimal() and text.isascii() else " ".join(text.replace("_", " ").split())
