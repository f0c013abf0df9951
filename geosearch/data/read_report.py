"""ReadReport: the account of a set that was read: what its reader saw, took and passed over, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_EXAMPLES = 3  # named of each kind


class Reason(StrEnum):
    """Why a file was passed over; the value is shown to the user."""

    HIDDEN = "hidden"
    SYSTEM = "left by a system"
    DOCUMENT = "no images"
    SUFFIX = "of types that are not read"
    BROKEN_LINK = "behind broken links"
    LOOPING_LINK = "behind links back into the folder"
    SPECIAL = "no regular file"
    UNREADABLE = "without read permission"
    DAMAGED = "damaged"
    EMPTY = "empty"
    LOOSE = "beside the classes"
    OTHER_PART = "in another part"
    UNLISTED = "not in the table"
    MISSING = "in the table but not there"
    DUPLICATE = "copies of others"
    TEST_COPY = "copies of test images"
    LABELLED_COPY = "copies of labelled images"
    TARGET_COPY = "copies of target images"
    TWO_LABELS = "under several labels"

    @property
    def expected(self) -> bool:
        """Whether every folder may have such files, so that nobody misses them."""
        return self in (Reason.HIDDEN, Reason.SYSTEM, Reason.DOCUMENT)

    @property
    def repeated(self) -> bool:
        """Whether it was read, and left out because the same pixels are elsewhere."""
        return self in (
            Reason.DUPLICATE,
            Reason.TEST_COPY,
            Reason.LABELLED_COPY,
            Reason.TARGET_COPY,
            Reason.TWO_LABELS,
        )

    @property
    def lost(self) -> bool:
        """Whether it would have been an image of the set."""
        return self in (Reason.BROKEN_LINK, Reason.UNREADABLE, Reason.DAMAGED, Reason.EMPTY)


@dataclass(frozen=True)
class PassedFile:
    """A file that was passed over.

    Attributes:
        path: within the set; shown to the user.
        reason: why.
        group: the class that it would have belonged to; empty for what lies beside the classes.
        what: what the file is, where that is known, e.g. "an HTML page".
    """

    path: str
    reason: Reason
    group: str = ""
    what: str = ""

    def __str__(self) -> str:
        return f"{printable(self.path)} ({self.what})" if self.what else printable(self.path)


@dataclass(frozen=True)
class ReadReport:
    """What a reader saw, took and passed over when it read one part of a set.

    >>> passed = (PassedFile("cat/7.jpg", Reason.DAMAGED, "cat", "an HTML page"), PassedFile(".git/", Reason.HIDDEN))
    >>> report = ReadReport("imagefolder:pets", "imagefolder", "/data/pets", "train", seen=42, taken=40, passed=passed)
    >>> print(report.summary)
    2 of 42 files passed over: 1 hidden (.git/), 1 damaged (cat/7.jpg (an HTML page))
    >>> report.counts("cat")
    {<Reason.DAMAGED: 'damaged'>: 1}

    Attributes:
        spec: specification of the set.
        reader: the kind of loader that read it.
        place: the file or folder; empty for a set that has none.
        part: "train" or "test".
        seen: files, or rows of an array. A folder that was not entered counts as one.
        taken: images of the set.
        passed: what was passed over.
        by_class: class -> images taken, as (name, count).
        notes: sentences about how the set was understood.
    """

    spec: str
    reader: str
    place: str
    part: str
    seen: int
    taken: int
    passed: tuple[PassedFile, ...] = ()
    by_class: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    def counts(self, group: str | None = None) -> dict[Reason, int]:
        """Reason -> number of files passed over; of one class, or of the whole part if `group` is None."""
        found = Counter(file.reason for file in self.passed if group is None or file.group == group)
        return {reason: found[reason] for reason in Reason if found[reason]}

    @property
    def summary(self) -> str:
        """What was passed over, as a clause; empty if nothing was."""
        if not self.passed:
            return ""
        read = self.seen - sum(count for reason, count in self.counts().items() if not reason.repeated)
        return "; ".join(
            clause
            for clause in (
                self._clause(f"of {self.seen:,} files passed over", repeated=False),
                self._clause(f"of {read:,} images left out", repeated=True),
            )
            if clause
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The summary, if anything was passed over, and the notes."""
        return (*((self.summary,) if self.passed else ()), *self.notes)

    @property
    def remarkable(self) -> bool:
        """Whether a person should read this: more was passed over than any folder may have, or there are notes."""
        return bool(self.notes) or any(not file.reason.expected for file in self.passed)

    def to_json(self) -> dict[str, Any]:
        """The account in numbers, with the first files of every reason; representable as JSON."""
        groups = dict.fromkeys([name for name, _ in self.by_class] + [file.group for file in self.passed])
        taken = dict(self.by_class)
        return {
            "spec": self.spec,
            "part": self.part,
            "seen": self.seen,
            "taken": self.taken,
            "passed_over": {reason.name.lower(): count for reason, count in self.counts().items()},
            "by_class": {
                printable(group): {
                    "taken": taken.get(group, 0),
                    **{reason.name.lower(): count for reason, count in self.counts(group).items()},
                }
                for group in groups
                if group
            },
            "notes": list(self.lines),
        }

    def _clause(self, what: str, *, repeated: bool) -> str:
        """How many were passed over for reasons of one kind; empty if none."""
        counts = {reason: count for reason, count in self.counts().items() if reason.repeated is repeated}
        kinds = ", ".join(f"{_count(count, reason)} ({self._examples(reason)})" for reason, count in counts.items())
        return f"{sum(counts.values()):,} {what}: {kinds}" if counts else ""

    def _examples(self, reason: Reason) -> str:
        files = [file for file in self.passed if file.reason is reason]
        return list_some(map(str, files), count=len(files))


def list_some(texts: Iterable[str], count: int, most: int = _EXAMPLES) -> str:
    """The first `most` of `count` texts: "a, b, c and 5 more"."""
    first = [text for text, _ in zip(texts, range(most), strict=False)]
    return ", ".join(first) + (f" and {count - len(first):,} more" if count > len(first) else "")


def printable(path: str) -> str:
    """A path that any terminal shows: what is not valid Unicode, or controls a terminal, becomes a question mark."""
    text = path.encode(errors="replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _count(number: int, reason: Reason) -> str:
    """In words.

    >>> _count(1, Reason.LABELLED_COPY), _count(2, Reason.LABELLED_COPY)
    ('1 copy of labelled images', '2 copies of labelled images')
    """
    return f"{number:,} {reason.value.replace('copies of', 'copy of') if number == 1 else reason.value}"
