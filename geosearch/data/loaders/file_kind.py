"""What a file really is, whatever its name says, from its first bytes."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = 512
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer; fetch the contents with 'git lfs pull'"),
    (b"/annex/objects/", "a git-annex pointer; fetch the contents with 'git annex get'"),
    (b"\x00\x05\x16\x07", "an AppleDouble file"),
    (b"\xff\xd8\xff", "a JPEG image, cut off or damaged"),
    (b"\x89PNG", "a PNG image, cut off or damaged"),
    (b"GIF8", "a GIF image, cut off or damaged"),
    (b"BM", "a BMP image, cut off or damaged"),
    (b"II*\0", "a TIFF image, damaged or of a kind that is not read"),
    (b"MM\0*", "a TIFF image, damaged or of a kind that is not read"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF file"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image, cut off or damaged"),
    (b"ID3", "a sound file"),
    (b"\x1aE\xdf\xa3", "a video"),
)
_HEIC = "a HEIC image; install pillow-heif, or convert it"
_BRANDS = ((b"avi", "an AVIF image, cut off or damaged"), (b"he", _HEIC), (b"mif1", _HEIC), (b"msf1", _HEIC))


def describe_file(path: Path) -> str:
    """What a file that is no readable image is, in a few words; empty text if its first bytes do not tell."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return ""
    return describe_bytes(head)


def describe_bytes(head: bytes) -> str:
    """As `describe_file`, from the first bytes.

    >>> describe_bytes(b"<!DOCTYPE html><title>404 Not Found</title>")
    'an HTML page'
    """
    if not head:
        return "no bytes"
    if not head.strip(b"\0"):
        return "zeros only"
    if head[4:8] == b"ftyp":
        return next((what for brand, what in _BRANDS if head[8:12].startswith(brand)), "a video")
    if head[:4] == b"RIFF":
        return "a WebP image, cut off or damaged" if head[8:12] == b"WEBP" else "a video or sound file"
    if head[128:132] == b"DICM":
        return "a DICOM file; save its pixels as PNG"
    if what := next((what for mark, what in _SIGNATURES if head.startswith(mark)), ""):
        return what
    return _text(head)


def _text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", errors="replace").encode()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if re.match(rb"(<!--.*?-->\s*)?<(!doctype html|html|head|body|title)", start, re.DOTALL):
        return "an HTML page"
    if start.startswith((b"<svg", b"<?xml")) and b"<svg" in start:
        return "an SVG drawing"
    if start.startswith(b"<"):
        return "an XML text"
    if start.startswith((b"{", b"[")):
        return "a JSON text"
    return "a text" if all(byte >= 32 or byte in b"\t\r\n" for byte in head) else ""
