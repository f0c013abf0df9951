"""Names of folders that are parts of a set (train, validation, test), under all the names that archives give them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["train", "val", "test", "unlabelled"]
KINDS: tuple[Kind, ...] = ("train", "val", "test", "unlabelled")

_WORDS: dict[str, Kind] = {
    **dict.fromkeys(("train", "training", "tr", "trn", "trainval", "learn", "learning", "fit"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "vali", "dev", "devel", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "te", "eval", "evaluation", "evaluate", "holdout", "heldout"), "test"),
    **dict.fromkeys(
        ("pred", "predict", "prediction", "predictions", "inference", "submission", "unlabeled", "unlabelled", "extra"),
        "unlabelled",
    ),
}  # fmt: skip
_FILLERS = frozenset({
    "set", "sets", "seg", "data", "dataset", "datasets", "image", "images", "img", "imgs", "picture", "pictures",
    "photo", "photos", "split", "splits", "part", "subset", "folder", "dir", "sample", "samples", "full", "final",
    "raw", "original", "processed", "resized", "cropped", "public", "private", "the", "my", "all", "only",
    "labeled", "labelled",
})  # fmt: skip
GENERIC = frozenset({
    "image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "data", "dataset", "files", "all",
    "raw", "jpg", "jpeg", "jpegs", "jpegimages", "png", "pngs", "jpgs",
})  # folders that only hold what belongs to the folder above  # fmt: skip


@dataclass(frozen=True)
class PartName:
    """The name of a folder, understood as that of a part.

    Attributes:
        kind: which part.
        exact: whether the name is the plain word, as in "Train" or "test".
        rest: further words of the name, which the parts of one set share: "pets" in "pets_train".
    """

    kind: Kind
    exact: bool
    rest: frozenset[str]


def parse_part_name(name: str) -> PartName | None:
    """The part that a folder's name speaks of; None if it speaks of none.

    >>> [parse_part_name(name).kind for name in ("seg_train", "val2017", "TestSet", "hold-out")]
    ['train', 'val', 'test', 'test']
    >>> parse_part_name("trainer"), parse_part_name("train car").rest
    (None, frozenset({'car'}))
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # TestSet
    words = re.findall(r"[^\W\d_]+", apart.lower())
    if (joined := "".join(words)) in _WORDS:  # hold-out
        return PartName(_WORDS[joined], len(words) == 1, frozenset())
    kinds = [kind for word in words if (kind := _kind(word))]
    if len(set(kinds)) != 1:
        return None
    rest = frozenset(word for word in words if not _kind(word) and word not in _FILLERS)
    return PartName(kinds[0], False, rest)


def _kind(word: str) -> Kind | None:
    if word in _WORDS:
        return _WORDS[word]
    for filler in sorted(_FILLERS, key=len, reverse=True):  # trainset, testdata
        for core in (word.removesuffix(filler), word.removeprefix(filler)):
            if core != word and core in _WORDS:
                return _WORDS[core]
    return None
