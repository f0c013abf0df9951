"""Suffixes: which files are read as images here, which are tables, and which are no images at all."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path

from PIL import Image, features

_NOT_READ = frozenset({
    "BUFR", "GRIB", "HDF5", "MPEG", "WMF", "IPTC", "FPX", "MIC",  # found by Pillow, but not decoded by it alone
    "EPS",  # a program, which Pillow would hand to Ghostscript
    "MCIDAS", "SPIDER", "IMT", "XVTHUMB",  # no suffix of their own, and hardly a signature
})  # fmt: skip
TABLES = frozenset({".csv", ".tsv", ".jsonl"})
_LISTS = frozenset({".txt", ".json"})  # tables if they are called so
_TABLE_WORDS = ("metadata", "label", "annotation", "train", "val", "test", "list", "truth", "index")
_DOCUMENTS = TABLES | frozenset({
    "", ".txt", ".md", ".rst", ".html", ".htm", ".xml", ".json", ".ndjson", ".yaml", ".yml", ".toml", ".ini",
    ".cfg", ".log", ".xls", ".xlsx", ".ods", ".doc", ".docx", ".pdf", ".tex", ".bib", ".py", ".pyc", ".ipynb", ".r",
    ".m", ".sh", ".bat", ".js", ".css", ".url", ".lnk", ".webloc", ".md5", ".sha1", ".sha256", ".sfv", ".dvc",
    ".lock", ".db", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".parquet", ".names", ".cache",
    ".info", ".xmp", ".aae", ".thm",
})  # fmt: skip
_HEIF = frozenset({".heic", ".heif", ".heics", ".heifs", ".hif"})
_WAYS = {
    **dict.fromkeys(_HEIF, "install pillow-heif (pip install pillow-heif), or convert them to JPEG"),
    **dict.fromkeys((".svg", ".svgz", ".eps", ".ps", ".ai"), "draw them as PNG"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"), "develop them to JPEG or PNG"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"), "save their frames as images"),
    **dict.fromkeys((".npy", ".npz", ".mat", ".h5", ".hdf", ".hdf5", ".pkl"), "write one npz file of all (npz:PATH)"),
}


@cache
def formats() -> tuple[str, ...]:
    """The formats of Pillow that are read; HEIF among them if pillow-heif is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    absent = {} if features.check("jpg_2000") else {"JPEG2000"}
    return tuple(sorted(set(Image.OPEN) - _NOT_READ - {*absent}))


@cache
def readable_suffixes() -> frozenset[str]:
    """Suffixes of the files that are read as images, in lower case."""
    known = {*formats(), "MPO"}  # pictures of several views; opened as JPEG
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in known)


def describe_readable() -> str:
    """Which files are read as images, in words.

    >>> describe_readable().startswith("files such as .jpg, .png, .tif, .webp or .bmp")
    True
    """
    return f"files such as .jpg, .png, .tif, .webp or .bmp ({len(readable_suffixes())} kinds are read)"


def is_readable(path: str | Path) -> bool:
    """Whether the suffix is that of an image that is read here.

    >>> is_readable("a.JFIF"), is_readable("a.svg")
    (True, False)
    """
    return Path(path).suffix.lower() in readable_suffixes()


def is_document(path: str | Path) -> bool:
    """Whether the suffix is that of a text, a table, an archive or a program: nobody expects an image there."""
    suffix = Path(path).suffix.lower()
    return suffix in _DOCUMENTS and bool(suffix or _is_note(Path(path).name))


def is_table(name: str) -> bool:
    """Whether a file may hold the labels of images.

    >>> is_table("labels.csv"), is_table("train.txt"), is_table("readme.txt")
    (True, True, False)
    """
    path = Path(name.lower())
    return path.suffix in TABLES or (path.suffix in _LISTS and any(word in path.stem for word in _TABLE_WORDS))


def way_out(suffix: str) -> str:
    """What to do with images of this suffix, which are not read."""
    return _WAYS.get(suffix.lower(), "convert them to PNG or JPEG")


def _is_note(name: str) -> bool:
    """Whether a file without suffix is a text that archives come with."""
    return name.lower() in (
        "readme",
        "license",
        "licence",
        "copying",
        "authors",
        "changelog",
        "makefile",
        "dockerfile",
        "notice",
        "version",
    )
