"""The page of a detection: the samples that do harm, with their images, their labels and the likelier ones."""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image

from geosearch.curation.detection import Detection
from geosearch.data.dataset import LabelledSet

SHOWN = 120, 40  # samples with images: those that look mislabelled, and the other harmful ones
PAIRS = 8  # most frequent confusions
_SIDE = 84  # pixels at which an image is shown


@dataclass(frozen=True)
class Suspect:
    """One sample as the page shows it; `image` is a data URI."""

    row: int
    given: str
    likely: str
    derivative: str
    image: str


def curation_page(data: LabelledSet, detection: Detection, *, target: str | None) -> str:
    """One HTML document that refers to nothing outside itself.

    Args:
        data: the samples as they are to be shown, n images.
        detection: of the same n samples.
        target: name of the set that they are to serve, if any.
    """
    mislabelled, names = detection.mislabelled, data.classes
    others = detection.harmful & ~mislabelled
    pairs = Counter(zip(detection.given[mislabelled].tolist(), detection.likely[mislabelled].tolist(), strict=True))
    groups = []
    for chosen, most in zip((mislabelled, others), SHOWN, strict=True):
        rows = [int(row) for row in detection.ranking if chosen[row]]
        groups.append((f"{len(rows):,}", [_suspect(row, data, detection) for row in rows[:most]]))
    return (
        Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        .from_string(files("geosearch.report").joinpath("curation.html").read_text(encoding="utf-8"))
        .render(
            name=data.name,
            target=target,
            count=f"{len(data):,}",
            classes=len(names),
            mislabelled=groups[0],
            others=groups[1],
            share=f"{100 * mislabelled.mean():.1f}",
            pairs=[(names[a], names[b], number) for (a, b), number in pairs.most_common(PAIRS)],
            side=_SIDE,
        )
    )


def _suspect(row: int, data: LabelledSet, detection: Detection) -> Suspect:
    given, likely = data.classes[detection.given[row]], data.classes[detection.likely[row]]
    return Suspect(row, given, likely, f"{detection.derivative[row]:+.3f}", _uri(data.images[row]))


def _uri(image: np.ndarray) -> str:
    """uint8 (h, w, ch) -> PNG as a data URI, no larger than it is shown."""
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.thumbnail((2 * _SIDE, 2 * _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
