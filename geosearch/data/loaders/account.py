"""Account: what of a folder of images was taken and what was not, and whether so much may be missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geosearch.data.loaders.image_files import Failure
from geosearch.data.loaders.suffixes import way_out
from geosearch.data.read_report import PassedFile, ReadReport, Reason, list_some
from geosearch.errors import InvalidDataError

_SHARE = 20  # of a class, one image in this many may be missing
_LISTED = 20  # files named in an error, at most
_STRICT = '; none may be missing, since domain.on_damaged is "refuse"'
_FEW = 10  # images; from here on one may be missing, however few they are
_REMEDIES = {
    Reason.BROKEN_LINK: "fetch the contents of the links (git annex get, dvc pull, or copy what they lead to)",
    Reason.UNREADABLE: "give yourself permission to read (chmod -R u+rX)",
    Reason.DAMAGED: "replace the damaged files, or remove them",
    Reason.EMPTY: "replace the empty files, or remove them",
}


@dataclass
class Account:
    """Gathers what is passed over while a part of a set is read, and ends in a `ReadReport`.

    Attributes:
        root: the folder of the set; paths are shown from here.
        passed: what was passed over so far.
        notes: sentences about how the set was understood.
        strict: whether no image at all may be missing.
    """

    root: Path
    passed: list[PassedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    strict: bool = False

    def pass_over(self, path: Path, reason: Reason, group: str = "", what: str = "") -> None:
        """One more file, or folder that is not entered."""
        text = str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
        folder = reason in (Reason.HIDDEN, Reason.SYSTEM, Reason.LOOPING_LINK) and path.is_dir()
        what = what or (path.suffix.lower() if reason is Reason.SUFFIX else "")
        self.passed.append(PassedFile(text + "/" * folder, reason, group, what))

    def pass_over_failures(self, failures: Sequence[Failure], groups: Sequence[str]) -> None:
        """Files that could not be decoded, with the class of each."""
        for failure, group in zip(failures, groups, strict=True):
            self.pass_over(failure.file, failure.reason, group, failure.what)

    def check(self, taken: dict[str, int]) -> None:
        """Refuse a set of which too much is missing.

        Args:
            taken: class -> images that were read.

        Raises:
            InvalidDataError: more than one image in 20 of a class (any, if `strict`) is missing (broken links, damaged
                files, no permission), or a folder has files but no image; the message lists them and says what they
                are.
        """
        lost = Counter(file.group for file in self.passed if file.reason.lost and (file.group or "" in taken))
        bad = [name for name, count in lost.items() if count > self._allowed(taken.get(name, 0) + count)]
        if bad:
            files = [file for file in self.passed if file.reason.lost and file.group in bad]
            kinds = [reason for reason in _REMEDIES if any(file.reason is reason for file in files)]
            shares = ", ".join(_share(name, lost[name], taken.get(name, 0)) for name in bad)
            listed = "; ".join(_listed([file for file in files if file.reason is reason]) for reason in kinds)
            raise InvalidDataError(
                f"{self.root}: too many images are missing ({shares}): {listed}; "
                + " and ".join(_REMEDIES[reason] for reason in kinds)
                + (_STRICT if self.strict else f"; up to one in {_SHARE} of a class may be missing")
            )
        self._check_suffixes(taken)

    def _allowed(self, files: int) -> int:
        """Images that may be missing of this many."""
        return 0 if self.strict else max(files // _SHARE, int(files >= _FEW))

    def _check_suffixes(self, taken: dict[str, int]) -> None:
        by_group: dict[str, list[PassedFile]] = {}
        for file in self.passed:
            if file.reason is Reason.SUFFIX and file.group and not taken.get(file.group):
                by_group.setdefault(file.group, []).append(file)
        if not by_group:
            return
        suffixes = Counter(file.what for files in by_group.values() for file in files)
        told = ", ".join(f"{name} ({list_some(map(str, files), len(files))})" for name, files in by_group.items())
        ways = "; ".join(f"{suffix or 'no suffix'}: {way_out(suffix)}" for suffix, _ in suffixes.most_common(3))
        raise InvalidDataError(
            f"{self.root} has folders with files but without an image that can be read: {told}; {ways}; or move these "
            "folders elsewhere"
        )

    def report(self, spec: str, reader: str, part: str, taken: dict[str, int]) -> ReadReport:
        """The finished account."""
        total = sum(taken.values())
        return ReadReport(
            spec, reader, str(self.root), part, total + len(self.passed), total, tuple(self.passed),
            tuple(taken.items()) if {*taken} != {""} else (), tuple(self.notes),
        )  # fmt: skip


def _share(name: str, lost: int, taken: int) -> str:
    of = f"{lost} of {lost + taken}"
    return f"{of} of class '{name}'" if name else of


def _listed(files: list[PassedFile]) -> str:
    kinds = {what for file in files if (what := file.what)}
    if len(files) > 3 and len(kinds) == 1:  # all alike: said once
        names = [PassedFile(file.path, file.reason) for file in files]
        return f"{len(files)} {files[0].reason.value}, each {kinds.pop()}: {list_some(map(str, names), len(files))}"
    most = _LISTED if files[0].reason in (Reason.DAMAGED, Reason.EMPTY) else 3  # the others tell nothing by their names
    return f"{len(files)} {files[0].reason.value}: {list_some(map(str, files), len(files), most)}"
