"""FontsLoader: characters drawn in the fonts that matplotlib ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.base import DatasetInfo, Loader, LoadOptions, Part, register_loader
from geosearch.data.loaders.glyphs import COUNT, SIZE, glyphs
from geosearch.data.loaders.typefaces import CHARSETS, FAMILIES, LICENSES


@register_loader
@dataclass(frozen=True)
class FontsLoader(Loader):
    """``fonts/FAMILY-CHARSET``: 4,000 glyphs, drawn and distorted here; no download.

    Attributes:
        family: sans, serif, mono or computer-modern.
        charset: digits, upper, lower, greek or symbols.
    """

    form = "fonts/FAMILY-CHARSET"

    family: str
    charset: str

    @classmethod
    def parse(cls, spec: str, options: LoadOptions) -> Self | None:
        family, _, charset = spec.removeprefix("fonts/").rpartition("-")
        known = spec.startswith("fonts/") and family in FAMILIES and charset in CHARSETS
        return cls(spec, options, family, charset) if known else None

    @classmethod
    def named(cls, options: LoadOptions) -> Sequence[DatasetInfo]:
        return [
            DatasetInfo(f"fonts/{family}-{charset}", len(CHARSETS[charset]), COUNT, 0, SIZE, 1, LICENSES[family], False)
            for family in FAMILIES
            for charset in CHARSETS
        ]

    def _read(self, part: Part) -> LabelledSet:
        size = min(max(self.options.size or SIZE, 8), 512)
        return glyphs(self.family, self.charset, size=size)
