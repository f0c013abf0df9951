"""The page of a detection: the harmful samples with their images, given labels and predicted labels."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image

from geosearch.curation.detection import Detection
from geosearch.data.dataset import LabelledSet

SHOWN = 120, 40  # maximum number of images: of samples that look mislabelled, of other harmful ones
PAIRS = 8  # most frequent confusions
_SIDE = 84  # pixels, side of an image on the page


@dataclass(frozen=True)
class HarmfulSample:
    """One sample on the page.

    Attributes:
        place: its file, or "row" and its row.
        given: name of its class.
        likely: name of the class that all other samples predict.
        derivative: its derivative, formatted.
        image: the image as a data URI.

    Example:
        >>> HarmfulSample("cat/7.png", "cat", "dog", "+0.120", "data:image/png;base64,").likely
        'dog'
    """

    place: str
    given: str
    likely: str
    derivative: str
    image: str


def render_curation_page(
    data: LabelledSet, detection: Detection, *, places: Sequence[str] = (), target: str | None
) -> str:
    """Render a detection as one self-contained HTML document.

    Args:
        data: the n samples, with the images to show.
        detection: detection on the same n samples.
        places: the file of each sample, or its row in the set; its row in `data` where the text is empty, or without
            any texts.
        target: name of the target, if there is one.
    """
    mislabelled, names = detection.mislabelled, data.classes
    others = detection.harmful & ~mislabelled
    pairs = Counter(zip(detection.given[mislabelled].tolist(), detection.likely[mislabelled].tolist(), strict=True))
    groups = []
    for chosen, most in zip((mislabelled, others), SHOWN, strict=True):
        rows = [int(row) for row in detection.ranking if chosen[row]]
        groups.append((f"{len(rows):,}", [_harmful_sample(row, data, detection, places) for row in rows[:most]]))
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


def _harmful_sample(row: int, data: LabelledSet, detection: Detection, places: Sequence[str]) -> HarmfulSample:
    given, likely = data.classes[detection.given[row]], data.classes[detection.likely[row]]
    place = (places[row] if places else "") or f"row {row}"
    return HarmfulSample(place, given, likely, f"{detection.derivative[row]:+.3f}", _uri(data.images[row]))


def _uri(image: np.ndarray) -> str:
    """Encode an image, uint8 (h, w, ch), as a PNG data URI, reduced to about the size shown."""
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.thumbnail((2 * _SIDE, 2 * _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
