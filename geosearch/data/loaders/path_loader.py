"""PathLoader: what loaders of files and of folders share: 'KIND:PATH', and a PATH that may be misspelt."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

from geosearch.data.loaders.base import Loader, LoadOptions
from geosearch.errors import UnknownDatasetError
from geosearch.runtime.user_folder import expand_user


@dataclass(frozen=True)
class PathLoader(Loader):
    """A data set in a file or folder of your own.

    Attributes:
        kind: what stands before the colon.
        is_folder: whether PATH is a folder, not a file.
        text: what stands behind the colon; ``~`` and ``${VARIABLES}`` in it are expanded.
    """

    kind: ClassVar[str]
    is_folder: ClassVar[bool] = False

    text: str

    @classmethod
    def parse(cls, spec: str, options: LoadOptions) -> Self | None:
        kind, _, text = spec.partition(":")
        return cls(spec, options, text) if kind == cls.kind and text else None

    @property
    def portable_id(self) -> str:
        return self.spec_at(Path(self.text).name)

    def spec_at(self, path: str) -> str:
        """The specification of this set if it lay at another path."""
        return f"{self.kind}:{path}"

    @property
    def name(self) -> str:
        """The set's short name, from that of its file or folder; letters of every script are kept."""
        text = unicodedata.normalize("NFC", self.path.name if self.is_folder else self.path.stem).lower()
        kept = "".join(letter if _is_kept(letter) else " " for letter in text)
        return "-".join(kept.split()).strip("-.") or ("images" if self.is_folder else self.kind)

    @cached_property
    def path(self) -> Path:
        """The existing file or folder.

        Raises:
            UnknownDatasetError: it does not exist; the message names its nearest neighbour.
        """
        path = expand_user(os.path.expandvars(self.text))
        if os.path.isdir(path) if self.is_folder else os.path.isfile(path):  # False for names that no file can have
            return path
        for form in ("NFC", "NFD"):  # an accent may be a letter of its own, as file systems of Macs write it
            same = Path(unicodedata.normalize(form, str(path)))
            if os.path.isdir(same) if self.is_folder else os.path.isfile(same):
                return same
        if unset := re.search(r"\$\{?(\w+)\}?", str(path)):
            raise UnknownDatasetError(
                f"'{self.spec}': the environment variable {unset[1]} is not set; set it to a folder "
                f"(export {unset[1]}=...) or write the path out"
            )
        wanted = "folder" if self.is_folder else "file"
        if os.path.exists(path):
            raise UnknownDatasetError(f"'{self.spec}': {path} is not a {wanted}")
        try:
            with os.scandir(path.parent) as entries:
                neighbours = sorted(entry.name for entry in entries if entry.is_dir() == self.is_folder)
        except OSError:  # not there either, or not to be listed
            neighbours = []
        close = get_close_matches(path.name, neighbours, n=1, cutoff=0.5)
        hint = f"did you mean '{path.parent / close[0]}'?" if close else "check the path"
        raise UnknownDatasetError(f"'{self.spec}': there is no {wanted} {path}; {hint}")


def _is_kept(letter: str) -> bool:
    """Letters, marks, digits and pictures of every script, and '.', '_', '-'."""
    return letter.isalnum() or letter in "._-" or (not letter.isascii() and unicodedata.category(letter)[0] in "LMNS")
