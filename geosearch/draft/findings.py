"""Findings: what the sets of a study to be drafted show, one by one and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from geosearch.data.loaders.registry import complete_spec
from geosearch.draft.appearance import Appearance
from geosearch.draft.encoder import COST, Encoder, find_encoder
from geosearch.draft.look import Look, look_at
from geosearch.errors import DomainMismatchError, InvalidOptionError


@dataclass(frozen=True)
class Findings:
    """The looks of all sets of a study.

    Attributes:
        target: the labelled images.
        unlabelled: further images of the target; None without.
        test: its test set; None without.
        sources: the sets to pretrain on.
        encoder: a pretrained network on this machine; looked for if the target wants one.
    """

    target: Look
    unlabelled: Look | None
    test: Look | None
    sources: tuple[Look, ...]
    encoder: Encoder | None = None

    @property
    def wants_encoder(self) -> bool:
        """Whether the target shows photographs in color, and no characters."""
        target = self.target
        return target.in_color and not target.has_characters and target.appearance is Appearance.PHOTOGRAPHS

    @property
    def looks(self) -> tuple[tuple[str, Look], ...]:
        """(part, look) of every set."""
        own = (("target", self.target), ("unlabelled", self.unlabelled), ("test", self.test))
        return (*((part, look) for part, look in own if look), *(("source", source) for source in self.sources))

    @property
    def copies(self) -> tuple[str, ...]:
        """Sentences about images of the target that are in another set too."""
        found = []
        for part, look in self.looks[1:]:
            if shared := self.target.pixels.count_shared(look.pixels):
                which = "1 image of the target is" if shared == 1 else f"{shared:,} images of the target are"
                found.append(
                    f"{which} in the {part} {look.spec} too; {'it counts' if shared == 1 else 'they count'} once"
                )
        return tuple(found)

    @property
    def lines(self) -> tuple[str, ...]:
        """All that was found, for a terminal and for the head of a study file."""
        rows = []
        for part, look in self.looks:
            rows.append(f"{part:<10} {look.spec}: {look.text}")
            rows += [f"{'':<10} {line}" for line in (*look.warnings, *look.repeats.sentences(stay=part == "source"))]
        rows += [f"{'copies':<10} {line}" for line in self.copies]
        if self.encoder:
            rows.append(f"{'network':<10} {self.encoder.network}, {self.encoder.where}")
        elif self.wants_encoder:
            rows.append(f"{'network':<10} {COST}")
        return tuple(rows)


def inspect_sets(
    target: str,
    sources: Sequence[str],
    *,
    unlabelled: str | None = None,
    test: str | None = None,
    root: str | None = None,
    download: bool = False,
) -> Findings:
    """Look at all sets of a study.

    Args:
        target, sources, unlabelled, test: specifications, or paths of folders and files.
        root, download: of torchvision's sets, see `load`.

    Raises:
        InvalidOptionError: fewer than two sources, a set that is listed twice, or a target without labels.
        DomainMismatchError: a test set with classes that the target lacks.
        UnknownDatasetError, InvalidDataError: a set that cannot be loaded.
    """
    named = {"--target": target, "--unlabelled": unlabelled, "--test": test}
    own = {flag: complete_spec(spec) for flag, spec in named.items() if spec}
    others = [complete_spec(spec) for spec in sources]
    if len(others) < 2:
        raise InvalidOptionError(f"a study mixes at least two sources, got {len(others)}; give --source once for each")
    given = [*own.items(), *(("--source", spec) for spec in others)]
    for number, (flag, spec) in enumerate(given):
        for other, before in given[:number]:
            if spec == before:
                raise InvalidOptionError(f"{other} and {flag} both name '{spec}'; every set has one part in a study")
    options = {"root": root, "download": download}
    looks = {flag: look_at(spec, labels=flag != "--unlabelled", **options) for flag, spec in own.items()}  # type: ignore[arg-type]
    found = Findings(
        looks["--target"],
        looks.get("--unlabelled"),
        looks.get("--test"),
        tuple(look_at(spec, **options) for spec in others),  # type: ignore[arg-type]
    )
    if found.wants_encoder:
        found = replace(found, encoder=find_encoder())
    if not found.target.classes:
        raise InvalidOptionError(
            f"the target '{found.target.spec}' has no labels; put a few images of each class into a folder of "
            "their own, or write a table of files and labels"
        )
    if found.test and (strange := sorted({*dict(found.test.classes)} - {*dict(found.target.classes)})):
        raise DomainMismatchError(
            f"the test set '{found.test.spec}' has classes that the target '{found.target.spec}' lacks: "
            f"{', '.join(strange[:5])}; label some images of them, or take them out"
        )
    return found
