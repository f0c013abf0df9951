"""Paths that begin with ``~``, and where files are kept on a machine on which the user has no home folder."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path

from geosearch.errors import InvalidOptionError, StorageError

LOGGER = logging.getLogger(__name__)


def is_path(text: str) -> bool:
    """Whether what may be a name or a file is a file: it has a folder or a suffix.

    >>> is_path("weights.pth"), is_path("~/weights"), is_path("pretrained")
    (True, True, False)
    """
    return "/" in text or bool(Path(text).suffix)


def expand_user(path: str | Path) -> Path:
    """A path with a leading ``~`` or ``~USER`` expanded.

    Raises:
        InvalidOptionError: there is no such user, or the home folder is not known.
    """
    text = str(path)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = re.match(r"~([^/]*)", text)
        if user and user[1]:
            raise InvalidOptionError(
                f"'{text}': there is no user '{user[1]}'; did you mean '~/{text[1:]}' (your own folder) or './{text}'?"
            ) from None
        raise InvalidOptionError(
            f"'{text}': the home folder of user {os.getuid()} is not known; set HOME, or write the path out"
        ) from None


def cache_home() -> Path:
    """``$XDG_CACHE_HOME``, else ``~/.cache``; a folder in the temporary one, with a warning, if there is no home.

    Raises:
        StorageError: there is no temporary folder either, or another user made that folder.
    """
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return expand_user(folder)
    try:
        return expand_user("~/.cache")
    except InvalidOptionError:
        return _temporary_home(os.getuid())


@lru_cache(maxsize=1)
def _temporary_home(user: int) -> Path:
    way_out = "set GEOSEARCH_CACHE to a folder that can be written"
    try:
        folder = Path(tempfile.gettempdir()) / f"geosearch-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != user:
            raise StorageError(f"the home folder is not known, and {folder} belongs to another user; {way_out}")
    except OSError as error:
        raise StorageError(
            f"the home folder is not known, nor is there a temporary folder to use ({error.strerror}); {way_out}"
        ) from error
    LOGGER.warning("the home folder is not known: results are kept in %s, until it is emptied; %s", folder, way_out)
    return folder
