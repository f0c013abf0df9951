"""Appearance: whether images look like glyphs, like shapes on a plain ground, or like photographs."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from geosearch.data.harmonization import is_colored, resize, to_channels

_LOOKED_AT = 300  # images
_SIDE = 28  # pixels, to which images are brought
_NEAR = 16  # grey levels within which border pixels are of one ground
_PLAIN = 0.7  # of the border, at least, of a plain ground
_INK = 0.5  # of the largest contrast with the ground: from here on a pixel is ink
_FULL = 0.8  # of it: ink without shading
_FLAT = 0.6  # of the ink, at least, is without shading in glyphs
_THIN = 0.45  # of its own box, at most, is covered by glyphs of shaded strokes


class Appearance(StrEnum):
    """What images look like; the value is shown to the user."""

    GLYPHS = "glyphs"
    SHAPES = "shapes on a plain ground"
    PHOTOGRAPHS = "photographs"


def judge_appearance(images: np.ndarray) -> tuple[Appearance, str]:
    """What images look like, and what says so.

    Glyphs are strokes of even ink on one plain ground, light or dark. Shapes share the ground, but are shaded or
    filled, as clothes and silhouettes are. All else, and what is shaded and in color, is a photograph.

    Args:
        images: uint8 (n, h, w, ch); about 300 of them are looked at, evenly spaced.
    """
    seen = images[:: -(-len(images) // _LOOKED_AT)]
    levels = resize(to_channels(seen, 1), _SIDE)[..., 0].astype(np.int16)  # (k, 28, 28)
    border = np.concatenate([levels[:, 0], levels[:, -1], levels[:, 1:-1, 0], levels[:, 1:-1, -1]], axis=1)
    grounds = np.median(border, axis=1)  # (k,)
    even = float((np.abs(border - grounds[:, None]) <= _NEAR).mean())
    alike = float(np.abs(grounds - np.median(grounds)).mean())
    if even < _PLAIN or alike > _NEAR:
        return Appearance.PHOTOGRAPHS, "their borders are not of one plain ground"
    flat, covered = _ink(np.abs(levels - grounds[:, None, None]))
    tone = "light" if np.median(grounds) > 127 else "dark"
    if flat >= _FLAT or covered <= _THIN:
        return Appearance.GLYPHS, f"thin strokes of even ink on a plain {tone} ground"
    if is_colored(seen):
        return Appearance.PHOTOGRAPHS, f"shaded and in color, on a plain {tone} ground"
    return Appearance.SHAPES, f"shaded or filled grey shapes on a plain {tone} ground"


def _ink(contrast: np.ndarray) -> tuple[float, float]:
    """Share of the ink without shading, and median share of its box that ink covers, from contrasts (k, s, s)."""
    largest = np.percentile(contrast.reshape(len(contrast), -1), 99, axis=1).clip(1)
    relative = contrast / largest[:, None, None]
    ink = relative >= _INK
    boxes = [
        (np.ptp(np.flatnonzero(one.any(1))) + 1) * (np.ptp(np.flatnonzero(one.any(0))) + 1) for one in ink if one.any()
    ]
    covered = [one.sum() / box for one, box in zip((one for one in ink if one.any()), boxes, strict=True)]
    return float((relative >= _FULL).sum() / max(1, ink.sum())), float(np.median(covered)) if covered else 1.0
