"""The card of a trained model: what it is, how to load it, how good it is, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from geosearch.data.card import fenced, license_warnings, plain_text, table
from geosearch.model.facts import ModelFacts, Provenance, SourceShare
from geosearch.nn.whole_network import WHOLE

_LAST = 40  # classes that are listed


def render_model_card(facts: ModelFacts, name: str, onnx: str = "") -> str:
    """README.md of a model, GitHub-flavored markdown.

    Args:
        facts: of the model.
        name: of its folder.
        onnx: how model.onnx was checked; empty if there is none.
    """
    origin = facts.provenance
    used = list(origin.sources)
    parts = [
        f"# Classifier for {plain_text(origin.target)}",
        _opening(facts),
        "## Load it",
        fenced(
            f'import geosearch\nmodel = geosearch.load_model("{name}")\n'
            "print(model.predict(images).names)  # images: uint8 (n, h, w, 3) or (n, h, w), of any size",
            "python",
        ),
        _usage(facts, onnx),
        fenced(f"geosearch predict {name} FOLDER_OF_IMAGES --out predictions.csv"),
        "## How good it is",
        *_quality(facts),
        "## Classes and labels",
        _labels(facts),
        "## What it was trained on",
        *_sources(used, facts.architecture[0]),
        "## Build it again",
        fenced(origin.command) if origin.command else "",
        f"Seed {origin.seed}. The same data, versions and kind of machine give the same weights.",
        table(("package", "version"), origin.versions.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(facts: ModelFacts) -> str:
    origin, ready = facts.provenance, facts.preprocessing
    networks = f"{len(facts.architecture)} networks" if facts.is_ensemble else "One network"
    color = "grey" if ready.channels == 1 else "color"
    return (
        f"{networks} ({_kind(facts.architecture[0])}) for {len(facts.classes)} classes, images of {ready.size} px in "
        f"{color}. "
        f"Written by geosearch from the study “{plain_text(origin.study)}”: row “{plain_text(origin.row)}” of its "
        f"confirmation, {f'at {plain_text(origin.place)}, ' if origin.place else ''}adapted by "
        f"`{facts.adaptation.get('type', '')}`. {plain_text(origin.why)}"
    )


_TRAINED = {
    "head": "a new head on its features",
    "last": "its last stage trained, and a new head",
    "all": "all of it trained, and a new head",
}


def _kind(architecture: Mapping[str, Any]) -> str:
    """Which network it is; of a pretrained one also what was trained."""
    if architecture.get("architecture") != WHOLE:
        return f"`{architecture.get('architecture', '')}`"
    start = f"`{architecture['name']}` with the weights {plain_text(architecture['weights'])}"
    beside = ", its features from before beside the trained ones" if architecture.get("features") == "both" else ""
    trained = architecture["trained"]
    what = _TRAINED.get(trained, f"its last {trained} stages trained, and a new head")
    return f"{start} at {architecture['resolution']} px: {what}{beside}"


def _usage(facts: ModelFacts, onnx: str) -> str:
    ready = facts.preprocessing
    steps = [
        "grey by ITU-R 601" if ready.channels == 1 else "three channels",
        "light and dark exchanged" if ready.inverted else "",
        {"crop": "cropped to the square in the middle", "pad": "padded to a square", "stretch": ""}[ready.fit],
        f"resized to {ready.size} × {ready.size} px (bicubic, antialiased)",
    ]
    lines = [
        f"`model.predict` prepares the images as the study did: {', '.join(step for step in steps if step)}.",
        f"`model.module` is a plain `torch.nn.Module`: float32 (b, {ready.channels}, {ready.size}, {ready.size}) in "
        f"[0, 1] to logits; divide them by the temperature {facts.temperature:.3g} before the softmax.",
    ]
    library = facts.architecture[0].get("name", "").partition(":")[0]
    if library == "timm":
        lines.append("Loading it needs the package timm too (`pip install 'timm>=1.0.12'`); nothing is downloaded.")
    if onnx:
        lines.append(f"`model.onnx` is the same module (“images” to “logits”), {plain_text(onnx)}.")
    return "\n".join(f"- {line}" for line in lines)


def _quality(facts: ModelFacts) -> Iterable[str]:
    origin = facts.provenance
    if origin.test_error is not None:
        yield (
            f"Trainings like this one had an error of {_error(origin, origin.test_error)} on the study's test part; "
            f"this training itself is one of them.{_over(origin)}"
        )
    if origin.label_error is not None:
        yield (
            f"Made in the same way, this row had an error of {_error(origin, origin.label_error)}, judged by "
            f"{plain_text(origin.judged_by)}. This training itself was not judged.{_over(origin)}"
        )
    if origin.verdict:
        yield f"Verdict of the study: {plain_text(origin.verdict)}"
    yield (
        f"{_calibration(facts.calibrated_on)} An image whose `unlike_target` is above 1 is less like the target than "
        "95 % of its own images; do not trust its class."
    )


def _error(origin: Provenance, error: float) -> str:
    """An error with its interval, and beside it the balanced one."""
    plain = _percent(error, origin.half_width)
    if origin.balanced_error is None:
        return plain
    return (
        f"{plain} (balanced, the mean over the classes: {_percent(origin.balanced_error, origin.balanced_half_width)})"
    )


def _percent(error: float, half_width: float | None) -> str:
    return f"**{error:.1%}**" if half_width is None else f"**{100 * error:.1f} ± {100 * half_width:.1f} %**"


def _over(origin: Provenance) -> str:
    """What the intervals are over, a sentence with a space before it."""
    return f" (± is half of {plain_text(origin.interval)}.)" if origin.interval else ""


def _calibration(count: int) -> str:
    """How far probabilities can be trusted."""
    if not count:
        return "Probabilities are not calibrated, since no class has two labels: they may be far too sure."
    return (
        f"Probabilities are calibrated by cross-fitting on {count:,} labelled images, one temperature for all: the "
        "more labels, the more a probability says how often it is right, on images like the target's."
    )


def _labels(facts: ModelFacts) -> str:
    counts = facts.provenance.labels
    rows = [(name, f"{counts.get(name, 0):,}") for name in facts.classes[:_LAST]]
    listed = table(("class", "labelled images"), rows)
    more = len(facts.classes) - len(rows)
    return f"{listed}\n\n{f'{more} further classes. ' if more else ''}{_unlabelled(facts.provenance)}"


def _unlabelled(origin: Provenance) -> str:
    """Which images without labels the model has seen."""
    if origin.is_copied:
        return (
            "There were no unlabelled images; augmented copies of the labelled ones stood for them, and what is unlike "
            "the target is judged by these few."
        )
    named = f" ({plain_text(origin.unlabelled_set)})" if origin.unlabelled_set else ""
    if not origin.unlabelled:
        return f"The adaptation used no unlabelled images of the target{named}."
    return f"The adaptation also used {origin.unlabelled:,} unlabelled images of the target{named}."


def _sources(used: list[SourceShare], architecture: Mapping[str, Any]) -> Iterable[str]:
    if architecture.get("architecture") == WHOLE:
        yield (
            f"The network came with the weights {plain_text(architecture['weights'])} of "
            f"`{architecture['name']}`, under the license of those who publish them."
        )
    if not used:
        yield "Images of the target alone; no source was used."
        return
    rows = [
        (one.name, _weight(one), f"{one.images:,}", str(one.classes), one.license, one.fingerprint)
        for one in sorted(used, key=lambda one: -(one.weight or 0))
    ]
    yield table(("source", "weight", "images", "classes", "license", "fingerprint"), rows)
    for warning in license_warnings((one.name, one.license) for one in used):
        yield f"> **Warning:** {plain_text(warning)}"


def _weight(source: SourceShare) -> str:
    return "some of its images" if source.weight is None else f"{source.weight:.4f}"
