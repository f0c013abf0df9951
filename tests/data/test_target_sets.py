"""The sets of a target: what values and transparency mean in its labelled images, they mean in all of its parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geosearch.data.target_sets import read_target


def folder_of(folder: Path, most: int, *, count: int, seed: int) -> None:
    """Files of 16 bits whose values go up to `most`, each with a pixel of 1000."""
    folder.mkdir(parents=True)
    for number, rng in enumerate(np.random.default_rng(seed).spawn(count)):
        values = rng.integers(0, most + 1, (12, 12)).astype(np.uint16)
        values[0, :2] = 1000, most
        Image.fromarray(values).save(folder / f"{number}.png")


@pytest.mark.parametrize("table", [False, True])
def test_the_labelled_images_say_what_values_of_16_bits_mean(tmp_path: Path, table: bool) -> None:
    folder_of(tmp_path / "mine" / "a", 4000, count=3, seed=0)
    folder_of(tmp_path / "mine" / "b", 4000, count=3, seed=1)
    folder_of(tmp_path / "brighter", 9000, count=3, seed=2)
    folder_of(tmp_path / "darker" / "a", 1500, count=3, seed=3)
    folder_of(tmp_path / "darker" / "b", 1500, count=3, seed=4)
    spec = f"imagefolder:{tmp_path / 'mine'}"
    if table:
        rows = [f"{name}/{number}.png,{name}" for name in "ab" for number in range(3)]
        (tmp_path / "mine" / "labels.csv").write_text("\n".join(["file,label", *rows]))
        spec = f"labels_table:{tmp_path / 'mine' / 'labels.csv'}"
    options = {"size_hint": 12, "fit": "crop", "on_damaged": "skip", "root": None, "download": False}
    sets = read_target(spec, f"imagefolder:{tmp_path / 'brighter'}", f"imagefolder:{tmp_path / 'darker'}", options)
    assert sets.unlabelled is not None
    assert sets.test is not None
    levels = [int(data.images[0, 0, 0, 0]) for data in (sets.train, sets.unlabelled, sets.test)]
    assert levels == [round(255 * 1000 / 4095)] * 3
