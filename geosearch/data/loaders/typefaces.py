"""Typefaces: the font files of each family, and the code point of each character in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHARSETS = {
    "digits": "0123456789",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "symbols": "!?#$%&@*+=∞∂∇∫√∑±≤∀∃→♣♥§",
}
FAMILIES = {
    "sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    "serif": ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    "mono": ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    "computer-modern": ("cmr10", "cmb10", "cmss10", "cmtt10", "cmti10"),
}
_DEJAVU = "Bitstream Vera and DejaVu fonts license"
LICENSES = {"sans": _DEJAVU, "serif": _DEJAVU, "mono": _DEJAVU, "computer-modern": "BaKoMa fonts license"}

# Computer Modern has Greek and mathematical symbols in separate files, under other code points than Unicode.
_CM_MATH = {
    "cmmi10": {
        "α": 0xAE, "β": 0xAF, "γ": 0xB0, "δ": 0xB1, "ε": 0x22, "ζ": 0xB3, "η": 0xB4, "θ": 0xB5, "ι": 0xB6,
        "κ": 0x2219, "λ": 0xB8, "μ": 0xB9, "ν": 0xBA, "ξ": 0xBB, "ο": 0x6F, "π": 0xBC, "ρ": 0xBD, "σ": 0xBE,
        "τ": 0xBF, "υ": 0xC0, "φ": 0xC1, "χ": 0xC2, "ψ": 0xC3, "ω": 0x21, "∂": 0x40,
    },
    "cmsy10": {
        "∞": 0x31, "∇": 0x72, "∫": 0x73, "√": 0x70, "±": 0xA7, "≤": 0x2219, "∀": 0x38, "∃": 0x39, "→": 0x21,
        "♣": 0x7C, "♥": 0x7E, "§": 0x78,
    },
    "cmex10": {"∑": 0x50},
}  # fmt: skip
_NOT_IN_ITALIC = "$"  # the italic Computer Modern draws a pound sign there


@dataclass(frozen=True)
class Glyph:
    """One character as one font file draws it."""

    font: str
    code_point: int

    @property
    def bold(self) -> bool:
        return "Bold" in self.font or self.font == "cmb10"

    @property
    def path(self) -> Path:
        return font_folder() / f"{self.font}.ttf"


def font_folder() -> Path:
    """The folder of the font files that matplotlib ships."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def glyphs_of(family: str, character: str) -> tuple[Glyph, ...]:
    """Every face of the family that draws `character`, upright first."""
    if family == "computer-modern":
        for font, code_points in _CM_MATH.items():
            if character in code_points:
                return (Glyph(font, code_points[character]),)
    faces = FAMILIES[family]
    if family == "computer-modern" and character in _NOT_IN_ITALIC:
        faces = faces[:-1]
    return tuple(Glyph(face, ord(character)) for face in faces)
