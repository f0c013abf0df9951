"""Shelf: a study's target and its sources, loaded and brought to one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from geosearch import seeds
from geosearch.domain.dataset import LabelledSet
from geosearch.domain.harmonise import harmonise, ink_margin
from geosearch.domain.load import has_test_part, load
from geosearch.errors import DomainMismatch


@dataclass(frozen=True)
class Shelf:
    """The target's train part, its own test part if it has one, and the sources, all of one shape."""

    train: LabelledSet
    test: LabelledSet | None
    sources: tuple[LabelledSet, ...]

    def parts(self, *, shots: int, reference: int, held_out: int, test: int) -> dict[str, int]:
        """Sizes of the target's parts (arguments of `cut_target`): what is asked, or fair shares of what there is.

        A target without a test part of its own gives at most a third of what the shots leave; the held-out
        part takes at most a quarter of what is then left, the reference the rest.
        """
        spare = len(self.train) - shots * len(self.train.classes)
        test = min(test, len(self.test) if self.test else spare // 3)
        spare -= 0 if self.test else test
        held_out = min(held_out, spare // 4)
        return {
            "shots": shots,
            "reference": max(min(reference, spare - held_out), 1),
            "held_out": max(held_out, 1),
            "test_size": max(test, 1),
        }


def load_shelf(
    target: str,
    sources: Sequence[str],
    *,
    size: int,
    channels: int,
    samples: int,
    margin: Literal["keep", "match"] = "keep",
    polarity: Literal["keep", "light-on-dark"] = "keep",
    root: str | Path | None = None,
    download: bool = False,
    seed: int = 0,
) -> Shelf:
    """Load and harmonise the sets of a study.

    Args:
        target: specification of the target (see `load`).
        sources: specifications of the sources.
        size: height and width that all images are brought to, pixels.
        channels: 1 or 3.
        samples: images taken from each source, at most, evenly over its classes.
        margin: "match" pads sets that fill their frame to the target's margin.
        polarity: "light-on-dark" inverts sets that are dark on light.
        root, download: for torchvision's sets.
        seed: of the draw of `samples`.

    Raises:
        UnknownSet, InvalidData: a set that cannot be loaded.
        DomainMismatch: a source that is the target under another name.
    """
    place: dict[str, Any] = {"root": root, "download": download, "size_hint": size}
    train = load(target, **place)
    common: dict[str, Any] = {
        "size": size,
        "channels": channels,
        "margin": ink_margin(train) if margin == "match" else None,
        "polarity": polarity,
    }
    own_test = load(target, part="test", **place) if has_test_part(target, root=root) else None
    loaded = []
    for spec in sources:
        source = load(spec, **place)
        if source.fingerprint == train.fingerprint:
            raise DomainMismatch(f"source '{spec}' is the target '{target}' itself; take it out of the sources")
        loaded.append(harmonise(source.sample(samples, seeds.stream(seed, "sample", spec)), **common))
    return Shelf(
        harmonise(train, **common),
        harmonise(own_test, **common, judged_by=train) if own_test else None,
        _distinctly_named(loaded),
    )


def _distinctly_named(sources: list[LabelledSet]) -> tuple[LabelledSet, ...]:
    names = [source.name for source in sources]
    return tuple(
        replace(source, name=f"{source.name}-{i + 1}") if names.count(source.name) > 1 else source
        for i, source in enumerate(sources)
    )
