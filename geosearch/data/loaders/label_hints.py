"""Label hints: what lies beside images without labels and may hold them, in forms that are not read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from geosearch.data.loaders.folder_tree import FolderTree
from geosearch.data.read_report import list_some

_SHEETS = (".xlsx", ".xls", ".ods", ".parquet", ".mat", ".pkl", ".feather", ".arff")
_HEAD = 2**16  # bytes of a JSON file that are looked at
_MATCHED = 0.5  # of the images, at least, that have a text of their own
_LARGE = 2  # images of a class that a name speaks of, at least
_CUT = "mark places in the images, not a class of each; cut these out into a sub-folder for each class"


def hint_at_labels(tree: FolderTree) -> list[str]:
    """Clauses about what may hold the labels of images that have none."""
    return [*_boxes(tree), *_sheets(tree), *_above(tree), *_names(tree)]


def _boxes(tree: FolderTree) -> Iterator[str]:
    """Places in images, as detectors are trained with."""
    files = [path for path, _ in tree.all_passed]
    stems = {file.stem for file in tree.all_images}
    for suffix, kind in ((".txt", "YOLO"), (".xml", "Pascal VOC")):
        own = {path.stem for path in files if path.suffix.lower() == suffix} & stems
        if own and len(own) >= _MATCHED * len(stems):
            yield f"the {suffix} files beside the images ({kind}) {_CUT}"
    for path in files:
        if path.suffix.lower() == ".json" and _is_coco(path):
            yield (
                f"{path.name} (COCO) has lists of annotations: where they mark places, cut these out into a sub-folder "
                "for each class; where they name a class of each image, write a labels.csv of file and label"
            )
            return


def _is_coco(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(max(0, path.stat().st_size - _HEAD))
            head += file.read(_HEAD)
    except OSError:
        return False
    return sum(f'"{key}"'.encode() in head for key in ("annotations", "images", "categories")) >= 2


def _sheets(tree: FolderTree) -> Iterator[str]:
    names = [path.name for path, _ in tree.all_passed if path.suffix.lower() in _SHEETS]
    if names:
        yield f"{list_some(names, len(names))} may hold them; save columns 'file' and 'label' as labels.csv"


def _above(tree: FolderTree) -> Iterator[str]:
    """A table in the folder above."""
    try:
        tables = sorted(path.name for path in tree.path.resolve().parent.glob("*.[cjt]s*") if _is_label_table(path))
    except OSError:
        return
    if tables:
        found = list_some(tables, len(tables))
        yield f"the folder above has {found}; take it as the set: imagefolder:{tree.path.parent}"


def _is_label_table(path: Path) -> bool:
    return (
        path.suffix.lower() in (".csv", ".tsv", ".jsonl")
        and re.search("label|metadata|truth", path.stem.lower()) is not None
    )


def _names(tree: FolderTree) -> Iterator[str]:
    """Classes in the names of files: cat.0.jpg, dog_17.jpg."""
    words = [re.sub(r"[\W_]*\d+[\W_]*(\(\d+\))?$", "", file.stem) for file in tree.all_images]
    counts = Counter(words)
    if 2 <= len(counts) <= len(words) / 3 and "" not in counts and min(counts.values()) >= _LARGE:
        yield (
            f"the names of the files begin with {list_some(sorted(counts), len(counts))}; if these are the classes, "
            "move the files into a sub-folder for each"
        )
