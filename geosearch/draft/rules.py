"""Rule: one key of a drafted study, its value and the reason for it in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from geosearch.draft.appearance import Appearance
from geosearch.draft.encoder import MEASURED, REMEDY
from geosearch.draft.findings import Findings

_SMALLEST = 16  # pixels; still smaller images are enlarged
_WIDE = 2.0  # longer by shorter side, from where on a crop would lose half of an image
_MARGIN = 0.05  # of the frame: a difference that matters
_MANY_LABELS = 20  # a class, from which on they judge better than pseudo-labels

Choose = Callable[[Findings], "tuple[Any, str] | None"]


@dataclass(frozen=True)
class Rule:
    """A rule of `geosearch init`.

    Attributes:
        key: "section.key" of study files.
        choose: gives the value and the reason, which becomes the comment in the file; None to leave the default.
    """

    key: str
    choose: Choose


RULES: list[Rule] = []  # in the order in which keys are written


def rule(key: str) -> Callable[[Choose], Choose]:
    """Function decorator: the function below decides about this key."""

    def register(choose: Choose) -> Choose:
        RULES.append(Rule(key, choose))
        return choose

    return register


@rule("domain.size")
def choose_size(found: Findings) -> tuple[int, str]:
    """The side of the target's images, as far as it helps; glyphs need no more than 28 pixels."""
    target = found.target
    side = round(target.side * target.aspect) if target.aspect >= _WIDE else target.side  # long images are padded
    largest = 64 if target.appearance is Appearance.PHOTOGRAPHS else 28
    if side <= largest:
        return max(side, _SMALLEST), f"images of the target are {side} pixels wide or high"
    why = "more costs time" if largest > 28 else "enough for glyphs and shapes"
    return largest, f"images of the target are {side} pixels wide or high; {why}"


@rule("domain.channels")
def choose_channels(found: Findings) -> tuple[int, str]:
    if found.target.in_color:
        return 3, "the target is in color"
    return 1, "the target is grey"


@rule("domain.fit")
def choose_fit(found: Findings) -> tuple[str, str] | None:
    if found.target.aspect < _WIDE:
        return None
    return "pad", f"images are {found.target.aspect:.1f} times as long as wide: a crop would lose most of them"


@rule("domain.margin")
def choose_margin(found: Findings) -> tuple[str, str] | None:
    glyphs = [source for source in found.sources if source.appearance is Appearance.GLYPHS]
    if found.target.appearance is not Appearance.GLYPHS or not glyphs:
        return None
    if all(source.margin >= found.target.margin - _MARGIN for source in glyphs):
        return None
    return "match", "glyphs of some sources fill their frame, those of the target leave a margin"


@rule("domain.polarity")
def choose_polarity(found: Findings) -> tuple[str, str] | None:
    grounds = {look.light_ground for look in (found.target, *found.sources)} - {None}
    if len(grounds) < 2:
        return None
    return "light-on-dark", "some sets are dark on light, others light on dark"


@rule("domain.balance")
def choose_balance(found: Findings) -> tuple[float, str] | None:
    if not found.target.is_uneven:
        return None
    few, many = min(found.target.counts), max(found.target.counts)
    return 0.0, f"the labels are very uneven ({few:,} to {many:,} a class), so some classes may be rare; 1 if none is"


@rule("domain.pseudo_labeller")
def choose_pseudo_labeller(found: Findings) -> tuple[str, str] | None:
    bare = [source.spec for source in found.sources if not source.classes]
    if not bare:
        return None
    way = "clusters" if len(bare) == len(found.sources) else "g2l"
    return way, f"{len(bare)} of {len(found.sources)} sources have no labels"


@rule("search.objective")
def choose_objective(found: Findings) -> tuple[str, str] | None:
    if found.encoder is not None:  # judged by the labels without being told
        if max(found.target.counts) > 1:
            return None
        return "episodes", "no class has two labels, of which one could be left out"
    if min(found.target.counts) < _MANY_LABELS:
        return None
    return "shots", f"every class has {min(found.target.counts):,} labels or more: they judge a mixture themselves"


@rule("search.jobs")
def choose_jobs(found: Findings) -> tuple[int, str] | None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (min(cores, 8), f"this machine has {cores} processor cores") if cores != 2 else None


@rule("recipe.network")
def choose_network(found: Findings) -> tuple[str | None, str] | None:
    """A pretrained network for photographs in color; without one, a comment."""
    if not found.wants_encoder:
        return None
    if found.encoder is None:
        return None, f'network = "{MEASURED}" would suit photographs better: {REMEDY}'
    return found.encoder.network, f"pretrained, for photographs in color ({found.encoder.where})"


@rule("recipe.weights")
def choose_weights(found: Findings) -> tuple[str, str] | None:
    if found.encoder is None or found.encoder.weights == "pretrained":
        return None
    return found.encoder.weights, "a file on this machine"


@rule("recipe.union_stages")
def choose_union_stages(found: Findings) -> tuple[int, str] | None:
    """Only of the network that it was measured with: others have fewer or larger stages."""
    if found.encoder is None or found.encoder.network != MEASURED:
        return None
    return 4, (
        "the last four stages are trained on all sources at once: on six sets of photographs the error of the answer "
        "was 3.0 ± 3.5 points lower for it"
    )


@rule("recipe.loss")
def choose_loss(found: Findings) -> tuple[None, str] | None:
    """Which error is minimized is the user's choice: only a comment."""
    if not found.target.is_uneven:
        return None
    return None, (
        'loss = "logit-adjusted" if every class is to count alike, however rare: with uneven labels that lowers the '
        "balanced error of heads"
    )


@rule("recipe.flip")
def choose_flip(found: Findings) -> tuple[bool, str] | None:
    """Mirrored photographs keep their class; mirrored characters do not. Activations cannot be mirrored."""
    target = found.target
    if found.encoder:
        return None
    if target.appearance is Appearance.GLYPHS:
        return False, f"no mirror images: the target shows glyphs ({target.because})"
    if target.has_characters:
        return False, "no mirror images: the classes are called by single characters; true if they are no characters"
    if target.appearance is Appearance.SHAPES:
        return False, f"no mirror images: {target.because}, which may be signs; true if a mirror image keeps its class"
    return True, f"mirror images keep their class: the target shows photographs ({target.because})"


@rule("recipe.recolour")
def choose_recolour(found: Findings) -> tuple[float, str] | None:
    if found.encoder or not found.wants_encoder:
        return None
    return 0.0, "photographs keep their colors"
