"""CardMark: the line of a mixture's card that a program reads, so that licences carry over to the next study."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from geosearch.errors import InvalidDataError, StudyMismatchError

FORMAT = 1
CARD = "CARD.md"
_MARK = re.compile(r"<!-- geosearch-card (\{.*\}) -->")
_MOST_BYTES = 2**20  # of a card that is read


def mark(licences: Sequence[tuple[str, str]]) -> str:
    """The line for a mixture of these (source, licence) pairs; invisible where markdown is shown."""
    text = json.dumps({"format": FORMAT, "licences": [list(pair) for pair in licences]})
    for character in "<>-":  # none of them may end the comment
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"<!-- geosearch-card {text} -->"


def licence_of(folder: Path) -> str:
    """The licences of a data set that geosearch wrote; "unknown" for any other folder.

    Raises:
        StudyMismatchError: the card was written by a newer version.
        InvalidDataError: it cannot be read, or its mark was changed by hand.
    """
    path = folder / CARD
    try:
        if not path.is_file():
            return "unknown"
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode(errors="replace")
    except OSError as error:
        raise InvalidDataError(f"{path} cannot be read: {error.strerror or error}; mend or delete it") from error
    found = _MARK.search(text)
    if not found:
        return "unknown"
    try:
        facts = json.loads(found[1])
        written, pairs = (
            int(facts["format"]),
            [(str(name), str(licence)) for name, licence in facts.get("licences", ())],
        )
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidDataError(
            f"{path}: the line 'geosearch-card' is not as geosearch wrote it ({error}); write the data set again with "
            "geosearch synthesize, or delete the line: the licences are then unknown"
        ) from error
    if written > FORMAT:
        raise StudyMismatchError(
            f"{path} was written by a newer geosearch (format {written}, this one reads up to {FORMAT}); "
            "run 'pip install --upgrade geosearch'"
        )
    return "; ".join(sorted({licence for _, licence in pairs})) or "unknown"
