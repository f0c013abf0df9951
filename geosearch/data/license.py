"""License: read from the card of a data set that geosearch wrote, so that it carries over to the next study."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from geosearch.errors import InvalidDataError, NewerFormatError

FORMAT = 2  # of the comment; 1 was that of geosearch 0.1
CARD = "CARD.md"
_COMMENT = re.compile(r"<!-- geosearch-card (\{.*\}) -->")
_MOST_BYTES = 2**20  # of a card that is read
_REMEDY = "write the data set again with 'geosearch synthesize', or delete the line: the licenses are then unknown"


def license_comment(licenses: Sequence[tuple[str, str]]) -> str:
    """A markdown comment that holds the (source, license) pairs of a mixture, for `read_license`.

    >>> license_comment([("digits", "CC BY 4.0")])
    '<!-- geosearch-card {"format": 2, "licenses": [["digits", "CC BY 4.0"]]} -->'
    """
    text = json.dumps({"format": FORMAT, "licenses": [list(pair) for pair in licenses]})
    for character in "<>-":  # none of them may end the comment
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"<!-- geosearch-card {text} -->"


def read_license(folder: Path) -> str:
    """The licenses in the card of a folder that geosearch wrote, joined by "; "; "unknown" for any other folder.

    Raises:
        NewerFormatError: the card was written by a newer version.
        InvalidDataError: it was written by geosearch 0.1, cannot be read, or its comment was changed by hand.
    """
    path = folder / CARD
    try:
        if not path.is_file():
            return "unknown"
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode(errors="replace")
    except OSError as error:
        raise InvalidDataError(f"{path} cannot be read: {error.strerror or error}; fix or delete it") from error
    found = _COMMENT.search(text)
    if not found:
        return "unknown"
    try:
        facts = json.loads(found[1])
        written = int(facts["format"])
        pairs = [(str(name), str(license)) for name, license in facts.get("licenses", ())]
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidDataError(
            f"{path}: the line 'geosearch-card' is not as geosearch wrote it ({error}); {_REMEDY}"
        ) from error
    if written > FORMAT:
        raise NewerFormatError.at(path, found=written, known=FORMAT)
    if written < FORMAT:
        raise InvalidDataError(
            f"{path} was written by geosearch 0.1, whose cards this version does not read; {_REMEDY}"
        )
    return "; ".join(sorted({license for _, license in pairs})) or "unknown"
