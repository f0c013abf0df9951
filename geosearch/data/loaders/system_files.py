"""What operating systems, file servers and programs leave in folders, and which no set consists of."""

from __future__ import annotations

import re

_NAMES = frozenset({
    # macOS
    "__macosx", "icon\r", "network trash folder", "temporary items", "thevolumesettingsfolder", "ipod photo cache",
    "resource.frk",
    # Windows
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "folder.htt", "$recycle.bin", "recycler",
    "recycled", "recycle.bin", "system volume information", "indexervolumeguid", "wpsettings.dat", "zbthumbnail.info",
    "picasa.ini", "albumartsmall.jpg", "msdownld.tmp", "msocache", "onedrivetemp", "windowsimagebackup",
    # Linux, Android
    "lost+found", "lost.dir",
    # file servers: Synology, QNAP, NetApp
    "@eadir", "@tmp", "@sharebin", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@transcode", "~snapshot",
    # programs
    "__pycache__", "cvs", "node_modules", "__thumbs__", "_thumbs", "thumbnails", "thumbnails.db", "venv", "_gsdata_",
    "dropbox.cache",
})  # fmt: skip
_PATTERNS = re.compile(
    r"""
    ~\$.*                          # lock files of office programs
    | \#.*\#                       # files that an editor saved before it crashed
    | .*~                          # backups of editors
    | albumart_\{.*\}.*\.jpg       # covers drawn by a media player
    | synophoto_thumb_.*           # thumbnails of a Synology server
    | found\.\d{3}                 # what a check of the disk recovered
    | \$.*\.(sys|tmp) | \$[ir][0-9a-z]{6}(\..*)?   # deleted files in a recycle bin
    | .*\.(crdownload|part|partial|download|tmp|swp|swo|lrdata|lrprev|filepart)   # unfinished downloads, caches
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden: .git, .ipynb_checkpoints, .DS_Store, ._photo.jpg, ..."""
    return name.startswith(".")


def is_left_by_system(name: str) -> bool:
    """Whether a file or folder of this name was made by an operating system, a file server or a program.

    >>> [is_left_by_system(name) for name in ("Thumbs.db", "@eaDir", "~$notes.docx", "tennis.jpg")]
    [True, True, True, False]
    """
    return name.lower() in _NAMES or bool(_PATTERNS.fullmatch(name))
