"""`geosearch domains`."""

from __future__ import annotations

import json

from geosearch.cli.parameters import Json


def domains(as_json: Json = False) -> None:
    """List the data sets that can be loaded."""
    from dataclasses import asdict

    from geosearch.data.loaders.registry import list_datasets

    found = list_datasets()
    if as_json:
        print(json.dumps([asdict(entry) for entry in found], indent=1))
        return
    for entry in found:
        count = f"{entry.images:,} images" if entry.images else "-"
        classes = f"{entry.classes} classes" if entry.classes else ""
        print(f"{entry.spec:<32} {count:>15}  {classes:<12} {entry.license}")
