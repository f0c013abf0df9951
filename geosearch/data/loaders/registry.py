"""Loading: a specification such as 'fonts/serif-upper' or 'npz:PATH' becomes a LabelledSet."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders import builtin
from geosearch.data.loaders.builtin import BUILTIN
from geosearch.data.loaders.fonts import CHARSETS, LICENSES
from geosearch.data.loaders.image_folder import folder_has_labels, folder_has_test, read_image_folder, read_loose_images
from geosearch.data.loaders.npz import npz_has_labels, npz_has_test, read_npz, read_npz_images
from geosearch.data.loaders.torchvision import TORCHVISION, missing_files, read_torchvision
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError, InvalidOptionError, UnknownDatasetError
from geosearch.runtime.cache import default_folder

Part = Literal["train", "test"]

_GLYPH_SIZE, _GLYPH_COUNT = 28, 4000
_LABELLED = {
    "npz": "there is no array 'labels' beside 'images', nor 'train_labels' beside 'train_images'",
    "imagefolder": "its images lie directly in the folder; expected a sub-folder per class",
}
_SHAPES = "digits, fonts/<family>-<charset>, torchvision:NAME, npz:PATH, imagefolder:PATH"


@dataclass(frozen=True)
class DomainInfo:
    """One line of `geosearch domains`.

    Attributes:
        spec: what to write in a study file.
        classes: number of classes; images: of the training part; test_images: 0 without a test part.
        size: side of an image in pixels; channels: 1 or 3.
        license: as far as known.
        needs_download: the files are not on this machine yet.
    """

    spec: str
    classes: int
    images: int
    test_images: int
    size: int
    channels: int
    license: str
    needs_download: bool


def load(
    spec: str,
    *,
    part: Part = "train",
    root: Path | str | None = None,
    download: bool = False,
    size_hint: int | None = None,
) -> LabelledSet:
    """The labelled set that `spec` names.

    Args:
        spec: ``digits``, ``fonts/<family>-<charset>``, ``torchvision:NAME``, ``npz:PATH`` or
            ``imagefolder:PATH``; in a PATH, ``~`` and ``${VARIABLES}`` are expanded.
        part: "train", or "test" where `has_test_part`; a set without a test part is all "train".
        root: folder of torchvision's files; ``torchvision`` in the cache folder if None.
        download: let torchvision download what is missing.
        size_hint: side in pixels at which glyphs are drawn and image files are read.

    Raises:
        UnknownDatasetError: nothing of that name; the message gives the nearest known one.
        InvalidDataError: files that are damaged, or hold something else; a set without labels.
        StorageError: a download that failed.
    """
    if part not in ("train", "test"):
        raise InvalidOptionError(f"part must be 'train' or 'test', got {part!r}")
    kind, rest = _parsed(spec)
    if part == "test" and not has_test_part(spec):
        raise UnknownDatasetError(f"'{spec}' has no test part; use part = 'train', which is all of it")
    if kind == "digits":
        return builtin.digits()
    if kind == "fonts":
        family, _, charset = rest.rpartition("-")
        return builtin.glyphs(family, charset, size=min(max(size_hint or _GLYPH_SIZE, 8), 512), count=_GLYPH_COUNT)
    if kind == "torchvision":
        return read_torchvision(rest, root=_root(root), part=part, download=download)
    path = _path(spec, rest, folder=kind == "imagefolder")
    if not has_labels(spec):
        raise InvalidDataError(
            f"'{spec}' has no labels: {_LABELLED[kind]}; as a source of a study it may go without when the study says "
            'how to label it, domain.labels = "g2l" or "clusters"; or write labels with `geosearch label`'
        )
    if kind == "npz":
        return read_npz(path, name=_name(path, kind), part=part)
    return read_image_folder(path, name=_name(path, kind), part=part, size=size_hint)


def load_unlabelled(
    spec: str, *, root: Path | str | None = None, download: bool = False, size_hint: int | None = None
) -> UnlabelledSet:
    """The images of the set that `spec` names (its training part); labels that it has are put aside.

    Arguments and errors are those of `load`.
    """
    kind, rest = _parsed(spec)
    if has_labels(spec):
        return UnlabelledSet.of(load(spec, root=root, download=download, size_hint=size_hint))
    path = _path(spec, rest, folder=kind == "imagefolder")
    if kind == "npz":
        return read_npz_images(path, name=_name(path, kind))
    return read_loose_images(path, name=_name(path, kind), size=size_hint)


def has_labels(spec: str) -> bool:
    """Whether the set comes with labels; nothing is downloaded or decoded."""
    kind, rest = _parsed(spec)
    if kind == "npz":
        return npz_has_labels(_path(spec, rest, folder=False))
    if kind == "imagefolder":
        return folder_has_labels(_path(spec, rest, folder=True))
    return True


def has_test_part(spec: str, *, root: Path | str | None = None) -> bool:
    """Whether the set comes with a test part of its own; nothing is downloaded or decoded.

    `root` is that of `load`, so that both can be called alike; no set needs it for the answer.
    """
    kind, rest = _parsed(spec)
    if kind == "npz":
        return npz_has_test(_path(spec, rest, folder=False))
    if kind == "imagefolder":
        return folder_has_test(_path(spec, rest, folder=True))
    return kind == "torchvision"


def portable_id(spec: str) -> str:
    """The specification without the folders that a file or folder lies in: 'npz:/data/mnist.npz' -> 'npz:mnist.npz'."""
    kind, _, path = spec.partition(":")
    return f"{kind}:{Path(path).name}" if kind in ("npz", "imagefolder") else spec


def domains(*, root: Path | str | None = None) -> list[DomainInfo]:
    """Every set that can be loaded by name; files and folders of your own come on top."""
    digits = DomainInfo("digits", 10, 1797, 0, 8, 1, builtin.DIGITS_LICENSE, False)
    glyphs = [
        DomainInfo(spec, len(CHARSETS[charset]), _GLYPH_COUNT, 0, _GLYPH_SIZE, 1, LICENSES[family], False)
        for spec in BUILTIN[1:]
        for family, _, charset in [spec.removeprefix("fonts/").rpartition("-")]
    ]
    downloads = [
        DomainInfo(
            f"torchvision:{name}",
            facts.classes,
            facts.train,
            facts.test,
            facts.size,
            facts.channels,
            facts.license,
            bool(missing_files(name, _root(root))),
        )
        for name, facts in TORCHVISION.items()
    ]
    return [digits, *glyphs, *downloads]


def _parsed(spec: str) -> tuple[str, str]:
    """(kind, rest) of a specification that names a known kind, and for a fixed list a known name."""
    spec = str(spec)
    if spec in BUILTIN:
        return ("digits", "") if spec == "digits" else ("fonts", spec.removeprefix("fonts/"))
    kind, colon, rest = spec.partition(":")
    if colon and kind in ("npz", "imagefolder") and rest:
        return kind, rest
    if colon and kind == "torchvision" and rest in TORCHVISION:
        return kind, rest
    known = [*BUILTIN, *(f"torchvision:{name}" for name in TORCHVISION)]
    if Path(spec).suffix == ".npz":
        nearest = f"did you mean 'npz:{spec}'?"
    elif os.path.isdir(spec):
        nearest = f"did you mean 'imagefolder:{spec}'?"
    else:
        nearest = _did_you_mean(spec, known)
    raise UnknownDatasetError(f"no data set '{spec}'; expected {_SHAPES}; {nearest}")


def _name(path: Path, kind: str) -> str:
    """The set's short name, from that of its file or folder."""
    text = path.stem if kind == "npz" else path.name
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.") or ("npz" if kind == "npz" else "images")


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    names = {name.lower(): name for name in known}
    names |= {name.split(":")[-1].lower(): name for name in names.values()}
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return f"did you mean '{names[close[0]]}'?" if close else "see `geosearch domains`"


def _root(root: Path | str | None) -> Path:
    return Path(root).expanduser() if root is not None else default_folder() / "torchvision"


def _path(spec: str, text: str, *, folder: bool) -> Path:
    """The existing file or folder, with ~ and environment variables expanded."""
    path = Path(os.path.expandvars(text)).expanduser()
    if os.path.isdir(path) if folder else os.path.isfile(path):  # False for names that no file can have
        return path
    if unset := re.search(r"\$\{?(\w+)\}?", str(path)):
        raise UnknownDatasetError(
            f"'{spec}': the environment variable {unset[1]} is not set; set it to a folder (export {unset[1]}=...) "
            "or write the path out"
        )
    wanted = "folder" if folder else "file"
    if os.path.exists(path):
        raise UnknownDatasetError(f"'{spec}': {path} is no {wanted}")
    neighbours = sorted(entry.name for entry in path.parent.iterdir()) if os.path.isdir(path.parent) else []
    close = get_close_matches(path.name, neighbours, n=1, cutoff=0.5)
    hint = f"did you mean '{path.parent / close[0]}'?" if close else "check the path"
    raise UnknownDatasetError(f"'{spec}': there is no {wanted} {path}; {hint}")
