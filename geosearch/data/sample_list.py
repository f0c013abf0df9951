"""The list beside a data set that was made of another one: which file each sample is."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence

from geosearch.data.dataset import LabelledSet
from geosearch.data.read_report import printable
from geosearch.data.unlabelled import UnlabelledSet

LIST = "samples.csv"


def source_files(data: LabelledSet | UnlabelledSet) -> list[str]:
    """The file of each sample within its folder; empty text for sets that are not folders of files."""
    if data.report is None or data.row_names is None or not os.path.isdir(data.report.place):
        return [""] * len(data)
    return [printable(str(name)) for name in data.row_names]


def render_list(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The text of the list, as CSV with line ends of its own.

    >>> render_list(("image", "file"), [(0, "a.png")])
    'image,file\\r\\n0,a.png\\r\\n'
    """
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, *rows])
    return text.getvalue()
