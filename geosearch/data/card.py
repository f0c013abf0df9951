"""Card: the README of a synthesized data set: its sources, their licenses, and how to build it again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from geosearch.data.license import license_comment

_SOFT_LABELS = (
    " A soft label holds one share per class of every source and sums to 1; the label of an image is its largest share."
)


@dataclass(frozen=True)
class SourceFacts:
    """What card and report say about one source of a study."""

    name: str
    images: int
    classes: int
    license: str
    otdd_to_target: float  # squared feature units, smaller is better
    labelled_by: str = ""  # how the labels were made, if they are pseudo-labels
    views: int = 0  # further views of every image, which are no images

    def with_views(self, views: int) -> SourceFacts:
        """The facts of a set in which every image is followed by so many views of it, which are counted as images.

        >>> SourceFacts("aerial", 1680, 30, "unknown", 1.0).with_views(1).count
        '840 in 2 views'
        """
        return replace(self, images=self.images // (1 + views), views=views)

    @property
    def count(self) -> str:
        """Number of images, and of views of each if there are several."""
        return f"{self.images:,}" + (f" in {1 + self.views} views" if self.views else "")


@dataclass(frozen=True)
class CardFacts:
    """Everything that a card says."""

    study: str
    target: str
    origin: str  # which trial: "trial 37", "trial 5 (pooled union)"
    sources: tuple[SourceFacts, ...]  # m
    weights: tuple[float, ...]  # (m,) on the simplex
    concentration: float  # 0 = pooled, inf = the paper's point on the geodesic
    pairing: str  # "transport" or "random"
    how: str  # from which target images, and by which rule
    size: int  # number of images
    image_shape: tuple[int, int, int]  # (h, w, ch)
    class_count: int  # C, columns of the soft labels
    closed_form: float  # squared feature units, smaller is better
    held_out_otdd: float | None  # squared feature units, smaller is better
    top1_error: float | None  # in the search, in [0, 1]
    judged: str  # on what that error was counted
    verdict: str | None  # the confirmation's sentence
    on_test_part: bool  # whether test images judged it, and not labels or pseudo-labels
    mixture_key: str  # content key
    seeds: tuple[tuple[str, int], ...]  # (what it seeds, seed)
    versions: tuple[tuple[str, str], ...]  # (package, version)
    files: str  # what lies where: the writer's `layout`
    command: str  # rebuilds the data set
    learned: bool = False  # condensed from the mixture, not drawn from it
    listed: bool = False  # a table of the source images that samples are made of, and no images
    passed_over: tuple[
        tuple[str, str], ...
    ] = ()  # (data set, what of it was not used and why, or how it was understood)
    network: str = ""  # where the network that was scored is between pretrained and trained weights; empty if trained


def render_card(facts: CardFacts) -> str:
    """The card as GitHub-flavored markdown, with a comment at its end from which `read_license` reads the licenses."""
    shares = sorted(zip(facts.sources, facts.weights, strict=True), key=lambda share: -share[1])
    used = [source for source, weight in shares if weight > 0]
    unused = [source.name for source, weight in zip(facts.sources, facts.weights, strict=True) if weight <= 0]
    warnings = license_warnings((source.name, source.license) for source in used)
    parts = [
        f"# Mixture for {plain_text(facts.target)}",
        _opening(facts, len(used)),
        "## Sources and licenses",
        table(
            ("source", "weight", "images", "classes", "distance to target", "license"),
            [
                (
                    source.name,
                    f"{weight:.4f}",
                    source.count,
                    str(source.classes),
                    f"{source.otdd_to_target:.4g}",
                    source.license,
                )
                for source, weight in shares
                if weight > 0
            ],
        ),
        *(f"> **Warning:** {plain_text(warning)}" for warning in warnings),
        *(
            f"The labels of {plain_text(source.name)} are pseudo-labels: {plain_text(source.labelled_by)}."
            for source in used
            if source.labelled_by
        ),
        _list(*(f"{plain_text(name)}: {plain_text(note)}." for name, note in facts.passed_over)),
        f"Searched but not in this mixture: {plain_text(', '.join(unused))}." if unused else "",
        "## The mixture",
        _list(
            f"Concentration {_number(facts.concentration)}: {concentration_meaning(facts.concentration)}.",
            f"Pairing `{facts.pairing}`: {pairing_meaning(facts.pairing)}.",
            f"Made of {plain_text(facts.how)}.",
            f"Closed-form distance to the target: {facts.closed_form:.4g} (squared feature units).",
            f"OTDD to held-out target images: {_measured(facts.held_out_otdd, '{:.4g}', ' (same units)')}.",
            f"Error in the search, {facts.judged}: {_measured(facts.top1_error, '{:.1%}')}.",
            *([f"Network that was scored: {plain_text(facts.network)}."] if facts.network else []),
            f"Confirmed{' on the test part' * facts.on_test_part}: {plain_text(facts.verdict)}"
            if facts.verdict
            else "Not confirmed yet.",
        ),
        "## The files",
        facts.files + ("" if facts.listed else _SOFT_LABELS),
        "## Build it again",
        fenced(facts.command),
        table(("seed of", "seed"), [(name, str(seed)) for name, seed in facts.seeds]),
        table(("package", "version"), facts.versions),
        f"Mixture `{plain_text(facts.mixture_key)}`. The same versions and seeds give the same "
        f"{'rows' if facts.listed else 'images and labels'}.",
        license_comment([(source.name, source.license) for source in used]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def card_mentions(text: str, mixture_key: str, verdict: str | None) -> bool:
    """Whether the text of a card describes this mixture, with this verdict if there is one."""
    return f"Mixture `{plain_text(mixture_key)}`" in text and (verdict is None or plain_text(verdict) in text)


def _opening(facts: CardFacts, used: int) -> str:
    h, w, ch = facts.image_shape
    if facts.listed:
        what, none_is = f"A table of {facts.size:,} samples and the source images that each is made of, drawn", "listed"
    else:
        what = f"{facts.size:,} images of {h} × {w} × {ch}, soft labels over {facts.class_count} classes, synthesized"
        none_is = "copied"
    return (
        f"{what} by geosearch from {used} labelled source{'s' * (used != 1)}: {plain_text(facts.origin)} of "
        f"study “{plain_text(facts.study)}”. {_made(facts)}; none of the target's own images is {none_is}."
    )


def _made(facts: CardFacts) -> str:
    if facts.learned:
        return "The images were learned, so that training on these few resembles training on many mixed images"
    things = "samples" if facts.listed else "images"
    way = "at random" if facts.pairing == "random" else "by way of the target's images"
    return f"The {things} are mixtures of source images that were paired {way}"


def concentration_meaning(concentration: float) -> str:
    """The concentration in words, for a reader who does not know the Dirichlet distribution."""
    if math.isinf(concentration):
        return "every image is mixed with exactly these weights (the point on the generalized geodesic)"
    if concentration == 0:
        return "every image comes from one source, chosen in proportion to the weights (the pooled union)"
    return (
        f"every image is mixed with its own weights, drawn from a Dirichlet distribution around these "
        f"(concentration {_number(concentration)}; large: close to them, small: mostly one source per image)"
    )


def pairing_meaning(pairing: str) -> str:
    """The pairing in words."""
    if pairing == "random":
        return "images that are mixed were paired at random (Mixup)"
    return "images that are mixed were paired by optimal transport through the target"


def license_warnings(licenses: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """What to consider before sharing a mixture of sources with these (source, license) pairs; no legal advice.

    >>> license_warnings([("svhn", "non-commercial use")])
    ('commercial use is forbidden by the license of svhn (non-commercial use).',)
    """
    pairs = list(licenses)
    distinct = sorted({license for _, license in pairs})

    def named(pattern: str) -> str:
        return ", ".join(f"{name} ({license})" for name, license in pairs if re.search(pattern, license, re.IGNORECASE))

    found = []
    if names := named(r"non-?\s?commercial|\bNC\b|(research|academic|education(al)?)\b.*\bonly|only.*\bresearch"):
        found.append(f"commercial use is forbidden by the license of {names}.")
    if names := named(r"no-?\s?deriv|\bND\b"):
        found.append(f"derived works, such as this mixture, are forbidden by the license of {names}.")
    if names := named(r"share-?\s?alike|\bSA\b|\bA?GPL"):
        found.append(f"derived works must have the same license as {names}.")
    if names := named(r"^\s*$|unknown|unspecified|not stated"):
        found.append(f"the license is not known for {names}; ask the owner before you share the images.")
    if len(distinct) > 1:
        found.append(f"the licenses differ ({'; '.join(distinct)}); the mixture is subject to all of them.")
    return tuple(found)


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.4g}"


def _measured(value: float | None, pattern: str, unit: str = "") -> str:
    return "not measured" if value is None else pattern.format(value) + unit


def _list(*items: str) -> str:
    return "\n".join(f"- {item}" for item in items)


def plain_text(value: str) -> str:
    """One line of text, escaped so that markdown shows it as it is."""
    line = " ".join(value.split())
    return re.sub(r"([\\`*_\[\]|<>#~])", r"\\\1", line).replace("&", "&amp;")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(plain_text, row))} |" for row in rows)])


def fenced(code: str, language: str = "sh") -> str:
    """A code block, its fence longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", code)), default=0))
    return f"{fence}{language}\n{code}\n{fence}"
