"""What a file really is."""

from __future__ import annotations

from pathlib import Path

import pytest

from geosearch.data.loaders.file_kind import describe_bytes, describe_file


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"", "no bytes"),
        (bytes(100), "zeros only"),
        (b"\xef\xbb\xbf \n<html lang=en>", "an HTML page"),
        (b"<!-- proxy --> <!DOCTYPE html>", "an HTML page"),
        (b'<?xml version="1.0"?><svg xmlns="', "an SVG drawing"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", "an XML text"),
        (b'{"error": 404}', "a JSON text"),
        (b"Not found\n", "a text"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"/annex/objects/SHA256E-s10--ab.png\n", "git annex get"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC image"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "a HEIC image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF image"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video"),
        (b"\xff\xd8\xff\xe0", "a JPEG image, cut off"),
        (b"PK\x03\x04", "a zip archive"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP image"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"\x01\x02\x03\xfe", ""),
    ],
)
def test_first_bytes_tell(head: bytes, what: str) -> None:
    assert what in describe_bytes(head)
    assert bool(what) == bool(describe_bytes(head))


def test_a_file_that_cannot_be_opened_is_not_described(tmp_path: Path) -> None:
    assert describe_file(tmp_path / "none") == ""
