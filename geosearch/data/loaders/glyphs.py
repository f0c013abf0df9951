"""Glyphs: characters drawn in a font, each with a small random distortion of its own."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.typefaces import CHARSETS, FAMILIES, LICENSES, Glyph, glyphs_of
from geosearch.errors import InvalidOptionError, UnknownDatasetError
from geosearch.runtime.cache import Cache, content_key

SIZE, COUNT = 28, 4000  # pixels a side, images
_RENDERING = 1  # raise it when the drawing below changes: it is part of the cache key


@dataclass(frozen=True)
class Jitter:
    """Random distortion of rendered glyphs; each is drawn uniformly from plus or minus the value.

    Attributes:
        extent: longer side of the upright glyph, as a fraction of the frame (MNIST: 20 / 28).
        scale: relative change of size; `stretch`: relative change of width against height.
        rotation: degrees; `shear`: horizontal shift per unit of height.
        shift: fraction of the frame; `blur`: largest Gaussian radius, fraction of the frame.
    """

    extent: float = 0.70
    scale: float = 0.12
    stretch: float = 0.12
    rotation: float = 10.0
    shear: float = 0.15
    shift: float = 0.06
    blur: float = 0.02


_JITTER = Jitter()
_OVERSAMPLING = 3
_STROKES = (0.005, 0.02, 0.04)  # extra outline, as a fraction of the glyph's size; a third of it for bold faces


def glyphs(family: str, charset: str, *, size: int = SIZE, count: int = COUNT, seed: int = 0) -> LabelledSet:
    """Glyphs of one font family, light on dark, each with its own small affine distortion; kept in the cache.

    Args:
        family: sans, serif, mono or computer-modern; all faces (bold, oblique) of the family are used.
        charset: digits, upper, lower, greek or symbols.
        size: side of the square images in pixels.
        count: number of images, spread evenly over the classes.
        seed: seed of the distortions.

    Raises:
        UnknownDatasetError: no such family or charset, or matplotlib lacks its font files.
        InvalidOptionError: a size or count out of range.

    >>> glyphs("serif", "greek", size=12, count=48)
    LabelledSet('fonts/serif-greek', 48 images (12, 12, 1), 24 classes)
    """
    if family not in FAMILIES or charset not in CHARSETS:
        raise UnknownDatasetError(
            f"no glyph set 'fonts/{family}-{charset}'; families: {', '.join(FAMILIES)}; charsets: {', '.join(CHARSETS)}"
        )
    classes = tuple(CHARSETS[charset])
    if not 8 <= size <= 512:
        raise InvalidOptionError(f"glyphs can be drawn 8 to 512 pixels wide, got size = {size}")
    if count < len(classes):
        raise InvalidOptionError(
            f"'fonts/{family}-{charset}' has {len(classes)} classes, so it needs at least as many images; "
            f"got count = {count}"
        )
    faces = [glyphs_of(family, character) for character in classes]
    key = content_key(
        "glyphs",
        rendering=_RENDERING,
        jitter=astuple(_JITTER),
        strokes=_STROKES,
        family=family,
        charset=CHARSETS[charset],
        size=size,
        count=count,
        seed=seed,
        fonts=_font_digests(faces),
    )
    name = f"fonts/{family}-{charset}"
    rng = seeds.stream(seed, "glyphs", family, charset)
    stored = Cache.default().arrays("glyphs", key, lambda: _render(faces, size, count, rng))
    return LabelledSet(np.array(stored["images"]), np.array(stored["labels"]), classes, name, LICENSES[family])


def _font_digests(faces: list[tuple[Glyph, ...]]) -> dict[str, str]:
    fonts = {glyph.font: glyph.path for row in faces for glyph in row}
    try:
        return {font: hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() for font, path in fonts.items()}
    except OSError as error:
        raise UnknownDatasetError(
            f"this matplotlib comes without its font {error.filename}; install matplotlib with its fonts: "
            "pip install --force-reinstall matplotlib"
        ) from error


def _render(faces: list[tuple[Glyph, ...]], size: int, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw each glyph once at a large size, then distort one for each image: images (n, size, size, 1)."""
    canvas = size * _OVERSAMPLING
    extent = round(canvas * _JITTER.extent)
    labels = rng.permutation(np.arange(count) % len(faces))
    face = rng.random(count)
    stroke = rng.integers(len(_STROKES), size=count)
    draws = rng.uniform(-1, 1, (count, 7))
    masters: dict[tuple[Glyph, int], Image.Image] = {}
    images = np.empty((count, size, size, 1), np.uint8)
    for row, label in enumerate(labels):
        glyph = faces[label][int(face[row] * len(faces[label]))]
        pick = (glyph, int(stroke[row]))
        if pick not in masters:
            masters[pick] = _master(glyph, extent, _STROKES[pick[1]] / (3 if glyph.bold else 1))
        drawn = masters[pick].transform(
            (canvas, canvas),
            Image.Transform.AFFINE,
            _inverse_affine(draws[row], masters[pick].size, canvas),
            Image.Resampling.BILINEAR,
        )
        radius = float(draws[row, 6] + 1) / 2 * _JITTER.blur * canvas
        blurred = drawn.filter(ImageFilter.GaussianBlur(radius))
        images[row, :, :, 0] = np.asarray(blurred.reduce(_OVERSAMPLING))
    return {"images": images, "labels": labels.astype(np.int64)}


def _master(glyph: Glyph, extent: int, stroke: float) -> Image.Image:
    """One glyph, upright, its longer side `extent` pixels, with a dark border of two pixels."""
    font = ImageFont.truetype(str(glyph.path), 256, layout_engine=ImageFont.Layout.BASIC)
    character = chr(glyph.code_point)
    left, top, right, bottom = font.getbbox(character)
    width = round(stroke * max(right - left, bottom - top))
    left, top, right, bottom = map(round, font.getbbox(character, stroke_width=width))
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font, stroke_width=width)
    image = image.crop(image.getbbox())
    ratio = extent / max(image.size)
    shape = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    framed = Image.new("L", (shape[0] + 4, shape[1] + 4))
    framed.paste(image.resize(shape, Image.Resampling.LANCZOS), (2, 2))
    return framed


def _inverse_affine(draw: np.ndarray, shape: tuple[int, int], canvas: int) -> tuple[float, ...]:
    """PIL wants the map from output to input pixels: the inverse of scale, shear, rotation and shift."""
    angle = np.deg2rad(_JITTER.rotation * draw[0])
    scale, stretch = 1 + _JITTER.scale * draw[1], 1 + _JITTER.stretch * draw[2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slant = np.array([[1.0, _JITTER.shear * draw[3]], [0.0, 1.0]])
    forward = turn @ slant @ np.diag([scale * np.sqrt(stretch), scale / np.sqrt(stretch)])
    inverse = np.linalg.inv(forward)
    centre = canvas * (0.5 + _JITTER.shift * draw[4:6])
    offset = np.array(shape) / 2 - inverse @ centre
    return tuple(map(float, (*inverse[0], offset[0], *inverse[1], offset[1])))
