"""Division: which folders of a tree are classes, which are parts of the set, and what lies beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from geosearch.data.class_names import match_names
from geosearch.data.loaders.folder_tree import FolderTree
from geosearch.data.loaders.label_table import LabelTable
from geosearch.data.loaders.part_names import GENERIC, KINDS, PartName, parse_part_name
from geosearch.data.loaders.split import Split
from geosearch.data.loaders.table_search import TableSearch
from geosearch.data.read_report import list_some
from geosearch.errors import InvalidDataError

_BESIDE = 0.1  # of the images of a lone train/, at most, that may lie beside it
_SHARED = 0.5  # of their sub-folders' names, at least, that folders share which are parts
_Named = list[tuple[FolderTree, PartName]]


@dataclass(frozen=True)
class Division:
    """How a folder of images is divided.

    Attributes:
        train: the training part; the whole folder if it is not divided.
        test: the test part, if there is one with labels.
        unread: folders that are parts but are not read, such as a test part without labels.
        notes: sentences about how the folder was understood, where that is not plain.
        problems: why tables that were seen give no labels.
    """

    train: Split
    test: Split | None = None
    unread: tuple[FolderTree, ...] = ()
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def divide(root: FolderTree) -> Division:
    """Tell parts from classes, by their names and by what they share.

    Known are: a sub-folder for each class; images with a table of their labels; train/, test/ and the like, under their
    usual names, with either of these; parts inside every class; and any of these in a folder of its own.

    Raises:
        InvalidDataError: parts that cannot be told apart; the message says which to take. Or images without labels
            beside a table of labels that names none, or few, of them.
    """
    search = TableSearch(root)
    division = _divide(root, search)
    if search.mismatches and not division.train.files:
        raise InvalidDataError(f"{root.path}: {search.mismatches[0]}")
    return division


def _divide(root: FolderTree, search: TableSearch) -> Division:
    tree = unwrap(root)
    if found := _divide_by_name(tree, search) or _divide_classes(tree):
        return found
    inner = [folder for folder in tree.image_folders if _divide_by_name(unwrap(folder), search)]
    if len(inner) == 1 and _mostly(inner[0], tree):
        found = _divide(inner[0], search)
        found.notes.append(f"the set was found in {_shown(inner[0], root)}")
        return found
    if found := _divide_by_table(root, tree, search):
        return found
    _refuse_equal_folders(tree)
    return Division(Split.of(tree), problems=search.problems)


def unwrap(tree: FolderTree) -> FolderTree:
    """The folder itself, or the only one in it that has what a set consists of: seg_train/seg_train/CLASS/..."""
    while not tree.images and len(tree.image_folders) == 1:
        only = tree.image_folders[0]
        holds_classes = bool(only.image_folders)
        if not holds_classes and only.name != tree.name and only.name.lower() not in GENERIC:
            break
        if any(folder.lost for folder in tree.folders if folder is not only):  # a class that cannot be read
            break
        tree = only
    return tree


def _divide_by_name(tree: FolderTree, search: TableSearch) -> Division | None:
    """Parts by their names; None if there are none."""
    named = _named(tree.image_folders)
    kinds = {name.kind for _, name in named}
    if len(kinds) < 2:
        lone = len(named) == 1 and kinds == {"train"} and len(_classes(named[0][0])) > 1
        if not (lone and not named[0][0].images and _mostly(named[0][0], tree)):
            return None
    splits = {folder.path: _split(folder, name, tree, search) for folder, name in named}
    labelled = [(folder, name) for folder, name in named if splits[folder.path].files]
    if not labelled and ("train" not in kinds or len(named) < len(tree.image_folders)):
        return None
    trains = [entry for entry in labelled or named if entry[1].kind == "train"]
    if not trains:
        names = ", ".join(folder.name for folder, _ in named)
        raise InvalidDataError(
            f"{tree.path} is divided into parts ({names}), but no training part has a sub-folder per class; take one "
            f"part as the set: imagefolder:{labelled[0][0].path}"
        )
    train = _choose(tree, trains)
    known = {*splits[train.path].files}
    splits = {path: split.renamed(match_names(split.files, known)) for path, split in splits.items()}
    tests = [
        (folder, name)
        for kind in ("test", "val")  # a validation part serves where no test part has labels
        for folder, name in named
        if name.kind == kind and known & {*splits[folder.path].files}
    ]
    first = [entry for entry in tests if entry[1].kind == tests[0][1].kind]
    test = _choose(tree, first) if first else None
    unread = tuple(folder for folder, _ in named if folder not in (train, test))
    division = Division(splits[train.path], splits[test.path] if test else None, unread, problems=search.problems)
    if unread or (train.name, test.name if test else "test") != ("train", "test") or division.train.tree is not train:
        division.notes.append(_parts_note(tree, division, splits))
    if table := division.train.table:
        division.notes.append(table.note)
    return division


def _split(folder: FolderTree, name: PartName, tree: FolderTree, search: TableSearch) -> Split:
    """A part with the labels that its folders give, else a table in it or beside it."""
    inner = unwrap(folder)
    if _classes(folder):
        return Split.of(inner)
    table = search.find(inner.all_images, [*_between(folder, inner), tree], name.kind)
    return Split.of_table(folder, table, table.labels) if table else Split.without_labels(inner)


def _divide_by_table(root: FolderTree, tree: FolderTree, search: TableSearch) -> Division | None:
    """Images that a table gives labels, and perhaps parts; None if folders do, or nothing does."""
    folders = tree.image_folders
    named = len(folders) > 1 and not any(folder.name.lower() in GENERIC for folder in folders)
    table = search.find(tree.all_images, _between(root, tree))
    if table is None or (named and not _overrules(table, tree)):
        return None
    parts = {kind: {file: label for file, label in table.labels.items() if table.parts[file] == kind} for kind in KINDS}
    test = parts["test"] or parts["val"]
    if not parts["train"] or not test:
        return Division(Split.of_table(tree, table, table.labels), notes=[table.note])
    return Division(Split.of_table(tree, table, parts["train"]), Split.of_table(tree, table, test), notes=[table.note])


def _overrules(table: LabelTable, tree: FolderTree) -> bool:
    """Whether a table says of nearly all images something else than the folders that they lie in."""
    images = tree.all_images
    if not table.plain or len(table.labels) < (1 - _BESIDE) * len(images):
        return False
    pairs = {(file.relative_to(tree.path).parts[0], label) for file, label in table.labels.items()}
    return not len(pairs) == len({folder for folder, _ in pairs}) == len({label for _, label in pairs})


def _between(outer: FolderTree, inner: FolderTree) -> list[FolderTree]:
    """The folders from the outer one to the inner one."""
    return [folder for folder in outer.walk() if inner.path.is_relative_to(folder.path)]


def _parts_note(tree: FolderTree, division: Division, splits: dict[Path, Split]) -> str:
    parts = [f"{_shown(division.train.tree, tree)} is the training part"]
    if division.test:
        parts.append(f"{_shown(division.test.tree, tree)} the test part")
    for folder in division.unread:
        classes = {*splits[folder.path].files}
        foreign = f", whose classes ({list_some(sorted(classes), len(classes))}) are none of the training part,"
        why = ", which has no class folders," if not classes else "" if classes & {*division.train.files} else foreign
        parts.append(f"{folder.name}{why} is not read ({len(folder.all_images):,} images)")
    return ", ".join(parts)


def _divide_classes(tree: FolderTree) -> Division | None:
    """Parts inside every class: CLASS/train/..., CLASS/test/...; None if it is not so."""
    classes = tree.image_folders
    inside = [_named(folder.image_folders) for folder in classes]
    if len(classes) < 2 or any(
        folder.images or len(named) < len(folder.image_folders) for folder, named in zip(classes, inside, strict=True)
    ):
        return None
    kinds = {name.kind for named in inside for _, name in named}
    if "train" not in kinds or len(kinds) < 2:
        return None
    train, test = (
        {
            folder.name: part
            for folder, named in zip(classes, inside, strict=True)
            for part, name in named
            if name.kind == kind
        }
        for kind in ("train", "test" if "test" in kinds else "val")
    )
    read = [*train.values(), *test.values()]
    unread = tuple(part for named in inside for part, _ in named if part not in read)
    note = f"every class is divided into parts ({', '.join(sorted({p.name for n in inside for p, _ in n}))})"
    return Division(_joined(tree, train), _joined(tree, test) if test else None, unread, [note])


def _joined(tree: FolderTree, parts: dict[str, FolderTree]) -> Split:
    """One part of every class, as one."""
    below = FolderTree(tree.path, folders=list(parts.values()))
    files = {name: part.all_images for name, part in parts.items()}
    return Split(below, files, [], {part.path: name for name, part in parts.items()}, scattered=True)


def _named(folders: Sequence[FolderTree]) -> _Named:
    """The folders that are named as parts of one set: all their names share the same further words."""
    found = [(folder, name) for folder in folders if (name := parse_part_name(folder.name))]
    families = {name.rest: [entry for entry in found if entry[1].rest == name.rest] for _, name in found}
    whole = [family for rest, family in families.items() if not rest or len({name.kind for _, name in family}) > 1]
    return max(whole, key=lambda family: len({name.kind for _, name in family}), default=[])


def _classes(folder: FolderTree) -> list[str]:
    """The names of a part's class folders; none if it holds loose images only."""
    inner = unwrap(folder)
    names = [below.name for below in inner.image_folders]
    generic = all(name.lower() in GENERIC for name in names)
    return [] if generic else names


def _choose(tree: FolderTree, candidates: _Named) -> FolderTree:
    """The only candidate, or the one with the plain name."""
    plain = [entry for entry in candidates if entry[0].name.lower() == entry[1].kind]
    exact = plain or [entry for entry in candidates if entry[1].exact] or candidates
    if len(exact) > 1:
        names = ", ".join(folder.name for folder, _ in exact)
        raise InvalidDataError(
            f"{tree.path} has several {exact[0][1].kind} parts ({names}); call one of them {exact[0][1].kind}, "
            f"or take one part as the set: imagefolder:{exact[0][0].path}"
        )
    return exact[0][0]


def _mostly(folder: FolderTree, tree: FolderTree) -> bool:
    """Whether hardly an image of the tree lies outside this folder."""
    return len(tree.all_images) - len(folder.all_images) <= _BESIDE * len(folder.all_images)


def _refuse_equal_folders(tree: FolderTree) -> None:
    """Refuse sub-folders that share most of their own sub-folders' names, whatever they are called."""
    _refuse_repeated_classes(tree)
    alike: dict[Path, FolderTree] = {}
    shared: set[str] = set()
    for one, other in _pairs(tree):
        names, others = ({below.name.lower() for below in unwrap(folder).image_folders} for folder in (one, other))
        both = names & others
        if len(both) > 1 and len(both) >= _SHARED * min(len(names), len(others)):
            alike |= {one.path: one, other.path: other}
            shared |= both
    if sum(len(folder.all_images) for folder in alike.values()) <= len(tree.all_images) / 2:
        return
    names_of = ", ".join(folder.name for folder in list(alike.values())[:5])
    first = next(iter(alike))
    raise InvalidDataError(
        f"{tree.path}: its sub-folders {names_of} have sub-folders of the same names "
        f"({', '.join(sorted(shared)[:5])}), as the parts of a set have, not its classes; take one of them as the set, "
        f"imagefolder:{first}, or call two of them train and test; if {names_of} are the classes, move the images out "
        "of their sub-folders"
    )


def _refuse_repeated_classes(tree: FolderTree) -> None:
    """Refuse a folder among the classes that holds them all again, as an archive does that was unpacked into itself."""
    names = {folder.name for folder in tree.image_folders}
    for folder in tree.image_folders:
        inner = unwrap(folder)
        again = {below.name for below in inner.image_folders} & names
        if len(again) > 1 and len(again) >= len(names) - 1:
            raise InvalidDataError(
                f"{tree.path}: {_shown(inner, tree)} holds the classes again ({list_some(sorted(again), len(again))}), "
                f"as if an archive had been unpacked twice; remove it, or take it as the set: imagefolder:{inner.path}"
            )


def _pairs(tree: FolderTree) -> Iterator[tuple[FolderTree, FolderTree]]:
    folders = [folder for folder in tree.image_folders if not folder.images]
    return combinations(folders[:100], 2)


def _shown(folder: FolderTree, tree: FolderTree) -> str:
    inside = folder.path.is_relative_to(tree.path)
    return str(folder.path.relative_to(tree.path)) if inside else str(folder.path)
