"""LabelsTableLoader: a table with a column of image files and one of their classes; the images lie beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.license import read_license
from geosearch.data.loaders.account import Account
from geosearch.data.loaders.base import LoadOptions, Part, register_loader
from geosearch.data.loaders.file_pixels import SetRendering
from geosearch.data.loaders.image_files import DecodedFiles, decode_images, median_size
from geosearch.data.loaders.label_table import LabelTable, label_files
from geosearch.data.loaders.part_names import Kind
from geosearch.data.loaders.path_loader import PathLoader
from geosearch.data.loaders.table import read_table
from geosearch.data.read_report import Reason
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError


@register_loader
@dataclass(frozen=True)
class LabelsTableLoader(PathLoader):
    """``labels_table:PATH``: a CSV, TSV, JSONL or Parquet file with a column of image files and one of classes.

    Paths start from the folder of the table. Rows without a class are unlabelled images. The columns are found by what
    they are usually called, or named: ``labels_table:PATH?file=COLUMN&label=COLUMN``. A column `split` may name the
    rows of the test part; if it names none, those of the validation part are it. Rows that it leaves blank are for
    training.

    Attributes:
        query: what names columns, from the question mark on; may be empty.
    """

    form = "labels_table:PATH"
    kind = "labels_table"
    labels_expected = "no row of the table has a class"

    query: str = ""

    @classmethod
    def parse(cls, spec: str, options: LoadOptions) -> Self | None:
        kind, _, rest = spec.partition(":")
        text, mark, query = rest.partition("?")
        return cls(spec, options, text, mark + query) if kind == cls.kind and text else None

    def spec_at(self, path: str) -> str:
        return f"{self.kind}:{path}{self.query}"

    @property
    def has_labels(self) -> bool:
        return bool(self._table.labels)

    @property
    def has_unlabelled(self) -> bool:
        return bool(self._loose)

    @property
    def has_test(self) -> bool:
        return bool(self._files("test")) and bool(self._files("train"))

    def _read(self, part: Part) -> LabelledSet | UnlabelledSet:
        if not self.has_labels:
            return self.read_unlabelled()
        labels = self._table.labels
        files = self._files(part) if self.has_test else [*labels]
        judged = (lambda: self._rendering) if part == "test" else self.options.judged
        decoded, found = self._decode(files, [labels[file] for file in files], part, judged)
        if part == "train":
            vars(self)["_rendering"] = decoded.rendering  # so that nothing is decoded again for it
        names = [labels[file] for file, read in zip(files, decoded.read, strict=True) if read]
        build = LabelledSet.from_arrays if part == "train" else LabelledSet.test_part
        classes: dict[str, Any] = {} if part == "train" else {"classes": self._classes}
        data = build(decoded.images, np.array(names), name=self.name, license=read_license(self.path.parent), **classes)
        return replace(data, **found)

    def read_unlabelled(self) -> UnlabelledSet:
        """The images of the rows without a class."""
        if not self._loose:
            raise InvalidDataError(f"every row of {self.path} has a class, so there is no unlabelled image in it")
        judged = (lambda: self._rendering) if self.has_labels else self.options.judged
        decoded, found = self._decode(self._loose, [""] * len(self._loose), "train", judged)
        data = UnlabelledSet.from_images(decoded.images, name=self.name, license=read_license(self.path.parent))
        return replace(data, **found)

    def _decode(
        self, files: Sequence[Path], groups: Sequence[str], part: Part, judged: Callable[[], SetRendering] | None
    ) -> tuple[DecodedFiles, dict[str, Any]]:
        """The images of files, and the report and names of a set of them."""
        notes = [self._table.note] if any(groups) else []  # of the labels, and so not of images without
        account = Account(self.path.parent, [], notes, strict=self.options.on_damaged == "refuse")
        if part == "train" and any(groups) and self.has_test:
            for file in self._unread:
                account.pass_over(file, Reason.OTHER_PART)
        decoded = decode_images(files, self._size, self.name, fit=self.options.fit, rendering=judged)
        account.pass_over_failures(decoded.failures, np.array(groups)[~decoded.read].tolist())
        account.notes += decoded.rendering.notes
        counts = Counter(np.array(groups)[decoded.read].tolist())
        taken = {name: counts[name] for name in dict.fromkeys(groups)}
        account.check(taken)
        names = np.array([self._shown(file) for file in files])[decoded.read]
        return decoded, {"report": account.report(self.spec, self.kind, part, taken), "row_names": names}

    def _files(self, part: Part) -> list[Path]:
        """The labelled files of a part, as the column of parts says."""
        wanted = part if part == "train" else self._test_kind
        return [file for file, kind in self._table.parts.items() if kind == wanted]

    @property
    def _test_kind(self) -> Kind:
        """What the test part is called; a validation part serves where there is none, as in folders."""
        return "test" if "test" in self._table.parts.values() else "val"

    @property
    def _unread(self) -> list[Path]:
        """The labelled files that are in neither part."""
        return [file for file, kind in self._table.parts.items() if kind not in ("train", self._test_kind)]

    def _shown(self, file: Path) -> str:
        """A file's path from the table's folder; the whole path of one that lies elsewhere."""
        return str(file.relative_to(self.path.parent) if file.is_relative_to(self.path.parent) else file)

    @cached_property
    def _rows(self) -> tuple[LabelTable, tuple[Path, ...]]:
        columns = {name: values[0] for name, values in parse_qs(self.query[1:]).items()}
        if unknown := sorted({*columns} - {"file", "label"}):
            raise InvalidDataError(
                f"'{self.spec}': unknown {unknown[0]!r}; only file=COLUMN and label=COLUMN are known"
            )
        return label_files(read_table(self.path), **columns)

    @property
    def _table(self) -> LabelTable:
        return self._rows[0]

    @property
    def _loose(self) -> tuple[Path, ...]:
        return self._rows[1]

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        names = np.array([self._table.labels[file] for file in self._files("train")])
        blank = np.zeros((len(names), 1, 1), np.uint8)  # only the labels are looked at
        return LabelledSet.from_arrays(blank, names, name=self.name).classes

    @property
    def rendering(self) -> SetRendering:
        return self._rendering

    @cached_property
    def _rendering(self) -> SetRendering:
        files = (self._files("train") if self.has_test else [*self._table.labels]) or self._loose
        return decode_images(
            files, self._size, self.name, fit=self.options.fit, rendering=self.options.judged
        ).rendering

    @cached_property
    def _size(self) -> tuple[int, int]:
        if self.options.size is not None:
            return self.options.size, self.options.size
        return median_size([*self._table.labels] or self._loose)
