"""Ledger: what was once evaluated is never paid for again, in this study or in another."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from geosearch.errors import StorageError, StudyMismatchError
from geosearch.runtime.atomic import atomic_write

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one training run.

    Attributes:
        key: content key of everything that the outcome depends on (mixture, recipe, adaptation, seed).
        squared_error: mean squared distance of predicted from one-hot labels; smaller is better.
        top1_error: share of wrong classes, in [0, 1].
        wall_seconds: what it cost.
        facts: anything else worth keeping; JSON-representable.
    """

    key: str
    squared_error: float
    top1_error: float
    wall_seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)


FORMAT = 1  # of an entry; 0 had no checksum


@dataclass(frozen=True)
class Ledger:
    """A folder with one small JSON file per evaluation, named by its key."""

    folder: Path

    def path(self, key: str) -> Path:
        return Path(self.folder) / f"{key}.json"

    def get(self, key: str) -> Evaluation | None:
        """The evaluation kept under `key`; None if absent, or damaged (with a warning).

        Raises:
            StorageError: the file cannot be read.
            StudyMismatchError: it was written by a newer version.
        """
        path = self.path(key)
        try:
            kept = json.loads(path.read_bytes())
            found, checksum = kept.pop("format", 0), kept.pop("checksum", None)
            if checksum is not None and checksum != _checksum(kept):
                if found > FORMAT:
                    raise StudyMismatchError(
                        f"{path} was written by a newer geosearch (format {found}, this one reads up to {FORMAT}); "
                        "run 'pip install --upgrade geosearch', or set GEOSEARCH_CACHE to another folder"
                    )
                raise ValueError("checksum")
            entry = Evaluation(**kept)
            numbers = (entry.squared_error, entry.top1_error, entry.wall_seconds)
            if entry.key != key or not isinstance(entry.facts, dict) or not all(map(math.isfinite, numbers)):
                raise ValueError("content")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
            LOGGER.warning("%s is damaged; its evaluation will be done again", path)
            return None
        return entry

    def put(self, key: str, evaluation: Evaluation) -> None:
        """Write the evaluation whole or not at all; an earlier one under the same key is replaced."""
        entry = asdict(evaluation)
        with atomic_write(self.path(key), "w") as file:
            json.dump({"format": FORMAT, "checksum": _checksum(entry), **entry}, file, indent=1, sort_keys=True)


def _checksum(entry: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(entry, sort_keys=True).encode(), digest_size=8).hexdigest()
