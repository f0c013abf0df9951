"""FolderTree: what lies in a folder and below it, told apart by names alone; no file is opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from geosearch.data.loaders.suffixes import is_document, is_readable, is_table
from geosearch.data.loaders.system_files import is_hidden, is_left_by_system
from geosearch.data.read_report import Reason, list_some
from geosearch.errors import InvalidDataError

_LISTED = 10  # folders named in an error, at most


@dataclass(eq=False)
class FolderTree:
    """A folder: its sub-folders, images and tables, and what is passed over in it.

    Attributes:
        path: the folder.
        folders: sub-folders, sorted by name; links among them are followed.
        images: files with the suffix of an image, sorted.
        tables: files that may hold labels, sorted.
        passed: further files, and folders that are not entered, with the reason.
    """

    path: Path
    folders: list[FolderTree] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    passed: list[tuple[Path, Reason]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.name

    def walk(self) -> Iterator[FolderTree]:
        """This folder and all below it."""
        stack = [self]
        while stack:
            folder = stack.pop()
            yield folder
            stack.extend(reversed(folder.folders))

    @cached_property
    def all_images(self) -> list[Path]:
        """The images in this folder and below it, sorted."""
        return sorted(file for folder in self.walk() for file in folder.images)

    @cached_property
    def image_folders(self) -> list[FolderTree]:
        """The sub-folders that have an image in them or below them."""
        return [folder for folder in self.folders if folder.all_images]

    @cached_property
    def all_passed(self) -> list[tuple[Path, Reason]]:
        """What is passed over in this folder and below it, sorted; tables are no images either."""
        found = [entry for folder in self.walk() for entry in folder.passed]
        return sorted(found + [(table, Reason.DOCUMENT) for folder in self.walk() for table in folder.tables])

    @cached_property
    def lost(self) -> list[tuple[Path, Reason]]:
        """What might have been images of the set: links that lead nowhere, files of types that are not read."""
        return [entry for entry in self.all_passed if entry[1].lost or entry[1] is Reason.SUFFIX]


def scan_folder(root: Path) -> FolderTree:
    """The tree of a folder. Links are followed, but no folder is entered twice.

    Raises:
        InvalidDataError: folders that cannot be listed; the message names several.
    """
    tree, entered, denied = FolderTree(root), set[tuple[int, int]](), list[str]()
    links = _enter(tree, entered, denied)
    while links:  # after all real folders, so that a link never hides the folder itself
        parent, path = links.pop(0)
        if _identity(path) in entered:
            parent.passed.append((path, Reason.LOOPING_LINK))
            continue
        below = FolderTree(path)
        parent.folders = sorted([*parent.folders, below], key=lambda folder: folder.path)
        links += _enter(below, entered, denied)
    if denied:
        raise InvalidDataError(
            f"{len(denied)} folder{'s' * (len(denied) > 1)} cannot be listed: "
            f"{list_some(denied, len(denied), _LISTED)}; give yourself permission to read them "
            f"(chmod -R u+rX {root}), or remove them"
        )
    return tree


def _enter(top: FolderTree, entered: set[tuple[int, int]], denied: list[str]) -> list[tuple[FolderTree, Path]]:
    """Fill in the real folders from `top` on; the links to folders that were met, with the folders they lie in."""
    links, stack = [], [top]
    while stack:
        folder = stack.pop()
        try:
            entered.add(_identity(folder.path))
            with os.scandir(folder.path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            denied.append(f"{folder.path} ({error.strerror})")
            continue
        for entry in entries:
            path = folder.path / entry.name
            kind = _kind(entry)
            if kind is None and entry.is_symlink():
                links.append((folder, path))
            elif kind is None:
                folder.folders.append(FolderTree(path))
            elif isinstance(kind, Reason):
                folder.passed.append((path, kind))
            else:
                (folder.tables if kind == "table" else folder.images).append(path)
        stack.extend(reversed(folder.folders))
    return links


def _kind(entry: os.DirEntry[str]) -> Reason | str | None:
    """None for a folder to enter, "image", "table", or why the entry is passed over."""
    if is_hidden(entry.name):
        return Reason.HIDDEN
    if is_left_by_system(entry.name):
        return Reason.SYSTEM
    try:
        if entry.is_symlink():
            entry.stat()
        if entry.is_dir():
            return None
        regular = entry.is_file()
    except OSError as error:
        return _broken(entry.name, error)
    if not regular:
        return Reason.SPECIAL
    if is_readable(entry.name):
        return "image"
    if is_table(entry.name):
        return "table"
    return Reason.DOCUMENT if is_document(entry.name) else Reason.SUFFIX


def _broken(name: str, error: OSError) -> Reason:
    if is_document(name):
        return Reason.DOCUMENT
    if isinstance(error, PermissionError):
        return Reason.UNREADABLE
    return Reason.LOOPING_LINK if error.errno == errno.ELOOP else Reason.BROKEN_LINK


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino
