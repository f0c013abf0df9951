"""Pages that are files of the repository, and links from the site to such files."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/geosearch/geosearch/blob/main"
INCLUDE = re.compile(r"^<!-- include (\S+) -->$", re.MULTILINE)
LINK = re.compile(r"(\]\()(?!https?:|#|mailto:)([^)#\s]+)([^)\s]*\))")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put in the files that a page includes; links that lead out of docs/ go to the repository."""
    folder = PurePosixPath("docs", page.file.src_uri).parent
    own = _linked(markdown, folder, folder)
    return INCLUDE.sub(lambda match: _linked((ROOT / match[1]).read_text(), PurePosixPath(), folder), own)


def _linked(markdown: str, folder: PurePosixPath, page: PurePosixPath) -> str:
    """Markdown that lies in a folder of the repository, with links as a page needs them.

    Args:
        markdown: its links are relative to `folder`; those to files outside docs/ are made absolute.
        folder: of the file that it comes from.
        page: folder of the page that shows it.

    Raises:
        FileNotFoundError: such a file is not there.
    """

    def absolute(match: re.Match[str]) -> str:
        path = (ROOT / folder / match[2]).resolve()
        if path.is_relative_to(ROOT / "docs"):
            return f"{match[1]}{os.path.relpath(path, ROOT / page)}{match[3]}"
        if not path.exists():
            raise FileNotFoundError(f"a page in {folder or '.'} links to {match[2]}, which does not exist")
        return f"{match[1]}{REPOSITORY}/{path.relative_to(ROOT).as_posix()}{match[3]}"

    return LINK.sub(absolute, markdown)
