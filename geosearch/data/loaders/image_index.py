"""ImageIndex: the files that the cells of a table mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geosearch.data.loaders.suffixes import is_readable


class ImageIndex:
    """Finds the file that a cell of a table means: by its path, else by its name, with or without a suffix.

    Args:
        files: the images.
        base: the folder that paths in the table may start from.
        loose: whether names are compared without the zeros before numbers, and capital letters count as small ones.

    Attributes:
        examples: two of the files, as a table would name them.
    """

    def __init__(self, files: Sequence[Path], base: Path, *, loose: bool = False) -> None:
        self._found: dict[str, Path | None] = {}
        self._loose = loose
        self._files, self._base = files, base
        self._above = _parts(base.absolute().as_posix())
        self.examples = [_relative(file, base) for file in files[:2]]
        for file in files:
            path = PurePosixPath(_relative(file, base))
            for depth in range(len(path.parts)):
                tail = PurePosixPath(*path.parts[depth:])
                for key in map(self._key, (str(tail), str(tail.with_suffix("")))):
                    self._found[key] = None if self._found.get(key, file) != file else file  # None: ambiguous

    def loosened(self) -> ImageIndex:
        """The same files, found by names without leading zeros, too."""
        return ImageIndex(self._files, self._base, loose=True)

    def _key(self, text: str) -> str:
        return re.sub(r"0+(?=\d)", "", re.sub(r"(?<=\d)\.0+$", "", text)).casefold() if self._loose else text

    def knows(self, text: str) -> bool:
        """Whether there are such files, be it several; where a cell has folders, the last of them counts too."""
        tail = PurePosixPath(*_parts(text)[-2:])
        return bool(tail.name) and (str(tail) in self._found or str(tail.with_suffix("")) in self._found)

    def find(self, text: str) -> Path | None:
        """The one file that a lone cell means, or None."""
        match = self._match(text)
        return match.file if match else None

    def find_all(self, texts: Sequence[str]) -> list[Path | None]:
        """The file that each cell of a column means, or None.

        Folders that cells begin with may be missing here, since a table names paths of the machine it was made on. But
        what one row shows to be such a folder is known: a row that goes on below it names a folder that is not there,
        not an image of that name elsewhere. Of two paths that lead to one file, the longer match is meant.
        """
        matches = [self._match(text) for text in texts]
        dropped = {match.dropped for match in matches if match}
        longest: dict[Path, int] = {}
        for match in filter(None, matches):
            longest[match.file] = max(match.length, longest.get(match.file, 0))
        return [match.file if match and _is_meant(match, dropped, longest) else None for match in matches]

    def _match(self, text: str) -> _Match | None:
        parts = _parts(text)
        for depth in range(len(parts)):
            key = self._key("/".join(parts[depth:]))
            stem = str(PurePosixPath(key).with_suffix("")) if is_readable(key) else key  # .jpg was converted to .png
            if found := self._found.get(key) or self._found.get(stem):
                dropped = parts[:depth]
                is_base = dropped == self._above[-depth:]  # the table's own folder, written out
                return _Match(found, () if is_base else dropped, len(parts) - depth)
        return None


@dataclass(frozen=True)
class _Match:
    """The file of a cell.

    Attributes:
        file: the file.
        dropped: leading folders of the cell that are not on its path.
        length: how many parts of the cell are on its path.
    """

    file: Path
    dropped: tuple[str, ...]
    length: int


def _is_meant(match: _Match, dropped: set[tuple[str, ...]], longest: dict[Path, int]) -> bool:
    """Whether no other row shows that a cell names another file; see `ImageIndex.find_all`."""
    below = any(match.dropped[:depth] in dropped for depth in range(len(match.dropped)))
    return not below and (not match.dropped or match.length == longest[match.file])


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in PurePosixPath(re.sub(r"[\\/]+", "/", text)).parts if part not in (".", "/"))


def _relative(file: Path, base: Path) -> str:
    return file.relative_to(base).as_posix() if file.is_relative_to(base) else file.as_posix()
