"""Shell completion of studies and data sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geosearch.config.examples import example_names


def complete_study(incomplete: str) -> list[str]:
    """Study files in the folder that was typed so far and in studies/, existing studies by name, and examples."""
    typed = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    files = {str(path) for folder in (typed, Path("studies")) for path in folder.glob("*.toml")}
    names = {path.stem for path in Path("studies").glob("*.db")}
    return sorted(name for name in {*files, *names, *example_names()} if name.startswith(incomplete))


def complete_dataset(incomplete: str) -> list[str]:
    """Data sets by name, and files and folders behind npz: and imagefolder:."""
    return sorted(name for name in _datasets(incomplete) if name.startswith(incomplete))


def complete_path_or_dataset(incomplete: str) -> list[str]:
    """Data sets as `complete_dataset` gives them, and plain paths of folders and of npz and table files."""
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    paths = [
        f"{entry}{'/' if entry.is_dir() else ''}"
        for entry in ([] if ":" in incomplete else folder.glob("*"))
        if entry.is_dir() or entry.suffix in (".npz", ".csv", ".tsv", ".jsonl", ".parquet")
    ]
    return sorted({*complete_dataset(incomplete), *(path for path in paths if path.startswith(incomplete))})


def complete_format(incomplete: str) -> list[str]:
    """Formats that a data set can be written in."""
    from geosearch.data.writers.registry import writer_names

    return [name for name in writer_names() if name.startswith(incomplete)]


def _datasets(incomplete: str) -> Iterator[str]:
    kind, colon, path = incomplete.partition(":")
    if not colon or kind == "torchvision":
        from geosearch.data.loaders.registry import list_datasets

        yield from (entry.spec for entry in list_datasets())
        return
    folder = Path(path) if path.endswith("/") else Path(path).parent
    for entry in folder.glob("*"):
        if entry.is_dir() or (kind == "npz" and entry.suffix == ".npz"):
            yield f"{kind}:{entry}{'/' if entry.is_dir() and kind == 'npz' else ''}"
