"""A shelf of six large sets of photographs, and targets that are not on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geosearch import seeds
from research.photographs.sets import photos

IMAGES = 4_000  # of each set: more than any of the shared ones has, so they are repeated with small changes
TARGETS = ("rsscn7", "trash")
# aid is two sets, so that neither target has to be on the shelf
SHELF = {name: (name, slice(None)) for name in ("dtd10", "corn_leaf", "seedlings", "wbc")}
SHELF |= {"aid-even": ("aid", slice(0, None, 2)), "aid-odd": ("aid", slice(1, None, 2))}
_SHIFT, _BRIGHTNESS, _NOISE = 4, 12.0, 4.0  # pixels; levels of 256, largest change of an image and deviation of a pixel


def write_shelf(folder: Path, images: int = IMAGES) -> list[Path]:
    """Write the six sets as NAME.npz with so many training images each; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (original, classes) in SHELF.items():
        paths.append(path := folder / f"{name}.npz")
        if path.exists():
            continue
        known = photos(original)
        chosen = np.arange(len(known.classes))[classes]
        number = np.full(len(known.classes), -1)
        number[chosen] = np.arange(len(chosen))
        rows = np.resize(np.flatnonzero(number[known.labels[: known.train]] >= 0), images)
        changed = perturb(known.images[rows], seeds.stream(0, "photographs shelf", name))
        names = np.array([known.classes[i] for i in chosen])
        np.savez(path, images=changed, labels=number[known.labels[rows]], class_names=names)
    return paths


def perturb(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 (n, s, s, 3): shifted, mirrored half of the time, a little brighter or darker, and noisy."""
    out, side = np.empty_like(images), images.shape[1]
    for k, image in enumerate(images):
        padded = np.pad(image, ((_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="reflect")
        top, left = rng.integers(0, 2 * _SHIFT + 1, 2)
        part = padded[top : top + side, left : left + side]
        part = part[:, ::-1] if rng.random() < 0.5 else part
        noise = rng.standard_normal(part.shape, dtype=np.float32) * _NOISE + rng.uniform(-_BRIGHTNESS, _BRIGHTNESS)
        out[k] = (part + noise).round().clip(0, 255)
    return out
