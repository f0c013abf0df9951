"""Draft: a study file from a look at the sets, with its reasons as comments."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geosearch.config.read import expand, parse_study, read_study
from geosearch.config.study_config import StudyFile
from geosearch.data.loaders.registry import complete_spec
from geosearch.draft.budget import Plan, plan_budget
from geosearch.draft.findings import Findings, inspect_sets
from geosearch.draft.rules import RULES
from geosearch.draft.study_text import Entry, render_study
from geosearch.errors import InvalidOptionError, OutputExistsError
from geosearch.runtime.atomic import atomic_write

_UNION = "union_stages"  # which is left out where the time does not suffice
_SECTIONS = ("study", "domain", "search", "recipe", "confirm")


@dataclass(frozen=True)
class Draft:
    """A drafted study file.

    Attributes:
        file: its settings, checked.
        text: its text, with comments.
        findings: what the sets showed.
        plan: its budget.
    """

    file: StudyFile
    text: str
    findings: Findings
    plan: Plan

    @property
    def summary(self) -> str:
        """What was found and how long the study will take, for a terminal."""
        evaluations = self.plan.budget.evaluations
        searched = f"{evaluations} evaluations" if evaluations else "no search, the baselines alone"
        return "\n".join(
            [
                f"study {self.file.study.name}",
                *(f"  {line}" for line in self.findings.lines),
                f"  {'budget':<10} {searched} at {self.plan.size} px: {self.plan.reason}",
            ]
        )

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the study file.

        Raises:
            OutputExistsError: there is a file, and it is not to be overwritten.
            StorageError: it cannot be written.
        """
        check_free(path, force=force)
        with atomic_write(path, "w") as file:
            file.write(self.text)


def check_free(path: Path, *, force: bool) -> None:
    """Refuse to overwrite a file, before anything slow is done.

    Raises:
        OutputExistsError: there is a file, and `force` is not given.
    """
    if path.exists() and not force:
        raise OutputExistsError(f"{path} exists; give another --out, or --force to overwrite it")


def draft_study(
    target: str,
    sources: Sequence[str],
    *,
    unlabelled: str | None = None,
    test: str | None = None,
    name: str | None = None,
    minutes: float = 30.0,
    root: str | None = None,
    download: bool = False,
    folder: Path | None = None,
) -> Draft:
    """Look at the sets of a study and propose its file.

    Args:
        target: the labelled images: a specification, or the path of a folder or file.
        sources: the sets to pretrain on.
        unlabelled: images of the target without labels.
        test: its test set.
        name: of the study; that of the target if None.
        minutes: how long the study may take on this machine.
        root, download: of torchvision's sets, see `load`.
        folder: where the file will be; paths are written as they were given if that is here, else from the root.

    Raises:
        InvalidOptionError, UnknownDatasetError, InvalidDataError, DomainMismatchError: see `inspect_sets`.
    """
    found = inspect_sets(target, sources, unlabelled=unlabelled, test=test, root=root, download=download)
    entries = _describe(found, name, root, download, folder or Path())
    for rule in RULES:
        if chosen := rule.choose(found):
            section, key = rule.key.split(".")
            entries.append(Entry(section, key, *chosen))
    classes = sum(max(len(source.classes), 1) for source in found.sources)
    size = next(entry.value for entry in entries if entry.key == "size")
    images = sum(look.images + look.test_images for _, look in found.looks)
    sizes: dict[str, Any] = {"classes": classes, "size": size, "images": images}
    asked: dict[str, Any] = {**sizes, "minutes": minutes, "labels_judge": found.test is None}
    plan = plan_budget(_settings(entries), **asked)
    if not plan.fits and any(entry.key == _UNION for entry in entries):
        entries = [entry for entry in entries if entry.key != _UNION]
        plan = plan_budget(_settings(entries), **asked)
    entries = [_resized(entry, plan) if entry.key == "size" else entry for entry in entries]
    for section, keys in plan.budget.sections(labels_judge=plan.labels_judge).items():
        reason = plan.reason if section == "search" else ""
        entries += [Entry(section, key, value, reason) for key, value in keys.items()]
    entries.sort(key=lambda entry: _SECTIONS.index(entry.section))
    file = parse_study(_settings(entries))
    return Draft(file, render_study(entries, _head(found)), found, plan)


def find_or_draft(
    target: str,
    sources: Sequence[str],
    *,
    folder: Path,
    name: str | None = None,
    unlabelled: str | None = None,
    test: str | None = None,
    download: bool = False,
    **options: Any,
) -> tuple[Path, Draft | None]:
    """The study file of these sets in a folder, drafted and written if it is not there yet.

    Args:
        target, sources, name, unlabelled, test, download: as for `draft_study`.
        folder: where study files are.
        options: of `draft_study`.

    Returns:
        The file, and the draft if it is new.

    Raises:
        InvalidOptionError: a file of that name is there, and is about other sets or does not download them.
    """
    path = folder / f"{name or default_name(target)}.toml"
    if path.exists():
        known, wanted = read_study(path).domain, [target, *sources, unlabelled, test]
        present = [known.target, *known.sources, known.unlabelled, known.test]
        if present != [expand(_placed(complete_spec(spec), folder)) if spec else None for spec in wanted]:
            raise InvalidOptionError(f"{path} is a study of other sets; give this one another --name")
        if download and not known.download:
            raise InvalidOptionError(f"{path} is written already; to download its sets add download = true to [domain]")
        return path, None
    asked: dict[str, Any] = {"unlabelled": unlabelled, "test": test, "download": download, **options}
    draft = draft_study(target, sources, name=path.stem, folder=folder, **asked)
    draft.write(path)
    return path, draft


def default_name(target: str) -> str:
    """The name of a study of a target, from the last part of its specification."""
    text = complete_spec(target).rpartition(":")[2].rstrip("/")
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(text).stem).strip("-._")
    return plain[:64] or "study"


def _describe(found: Findings, name: str | None, root: str | None, download: bool, folder: Path) -> list[Entry]:
    """The keys that say what the study is about."""
    entries = [Entry("study", "name", name or default_name(found.target.spec))]
    entries += [
        Entry("domain", part, _placed(look.spec, folder))
        for part, look in (("target", found.target), ("unlabelled", found.unlabelled), ("test", found.test))
        if look
    ]
    entries.append(Entry("domain", "sources", [_placed(source.spec, folder) for source in found.sources]))
    if root is not None:
        entries.append(Entry("domain", "root", root))
    if download:
        entries.append(Entry("domain", "download", True))
    elif absent := [source.spec for source in found.sources if source.appearance is None]:
        entries.append(Entry("domain", "download", None, f"download = true would fetch {', '.join(absent)}"))
    return entries


def _placed(spec: str, folder: Path) -> str:
    """A specification as it has to be written in a file of that folder."""
    kind, colon, text = spec.partition(":")
    if not colon or kind == "torchvision" or folder.resolve() == Path.cwd() or text.startswith(("~", "$")):
        return spec
    return f"{kind}:{os.path.abspath(text)}"


def _settings(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry.value is not None:
            found.setdefault(entry.section, {})[entry.key] = entry.value
    return found


def _resized(entry: Entry, plan: Plan) -> Entry:
    if entry.value == plan.size:
        return entry
    return Entry(entry.section, entry.key, plan.size, f"{entry.value} would take longer than {plan.minutes:g} minutes")


def _head(found: Findings) -> list[str]:
    return [
        "Written by 'geosearch init'. Every key, its default and its meaning: 'geosearch options'.",
        "",
        "What was found:",
        *(f"  {line}" for line in found.lines),
    ]
