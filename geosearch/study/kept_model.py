"""KeptModel: the model of a study's answer in the study's own folder, found again without any data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from geosearch.confirmation.confirmation import Confirmation
from geosearch.errors import GeosearchError, MissingPackageError, OutputExistsError, StorageError
from geosearch.mixture.weights import Weights
from geosearch.model.files import is_model_folder, load_model, write_model
from geosearch.model.trained_model import TrainedModel
from geosearch.runtime.atomic import backup_existing
from geosearch.runtime.cache import content_key
from geosearch.runtime.progress import LOGGER
from geosearch.search.storage.sqlite import sqlite_path
from geosearch.study.take_away import Choice

_NAME = "model"


@dataclass(frozen=True)
class KeptModel:
    """Where a study keeps the model of its answer, and how it is told from others.

    It is written to studies/NAME/model. It is also found beside a SQLite file that lies elsewhere, so that a database
    and its folder can be copied together.

    Attributes:
        study: name of the study.
        url: address of its database.

    >>> KeptModel("mine", "sqlite:////tmp/there/mine.db").places
    (PosixPath('studies/mine/model'), PosixPath('/tmp/there/mine/model'))
    """

    study: str
    url: str

    @property
    def folder(self) -> Path:
        """Where it is written."""
        return Path("studies") / self.study / _NAME

    @property
    def places(self) -> tuple[Path, ...]:
        """Where it is looked for."""
        file = sqlite_path(self.url)
        return tuple(dict.fromkeys([self.folder, *([Path(file).parent / self.study / _NAME] if file else [])]))

    def find(self, key: str) -> TrainedModel | None:
        """The kept model with a key, see `answer_key`; None if there is none, or it is damaged.

        Raises:
            MissingPackageError: the library of its network is not installed.
        """
        return next((found for folder in self.places if (found := _read(folder, key))), None)

    def keep(self, model: TrainedModel) -> Path:
        """Write a model, whole or not at all, unless it is there; a folder with another one is renamed first.

        Raises:
            StorageError: the folder cannot be written or the disk is full.
        """
        if _read(self.folder, model.facts.provenance.key):
            return self.folder
        try:
            if self.folder.exists() and not (self.folder.is_dir() and not any(self.folder.iterdir())):
                backup_existing(self.folder)
            return write_model(model, self.folder)
        except OutputExistsError:  # another process was first
            return self.folder
        except OSError as error:
            raise StorageError(f"cannot rename {self.folder}: {error.strerror or error}; move it yourself") from error

    def __str__(self) -> str:
        return " and ".join(map(str, self.places))


def _read(folder: Path, key: str) -> TrainedModel | None:
    """The model in a folder if it has this key."""
    if not is_model_folder(folder):
        return None
    try:
        model = load_model(folder)
    except MissingPackageError:
        raise
    except GeosearchError as error:
        LOGGER.warning("the kept model is left aside: %s", error)
        return None
    return model if model.facts.provenance.key == key else None


def answer_key(
    study: str, confirmation: Confirmation, mixture: Weights, contents: Iterable[str], choice: Choice
) -> str:
    """Content key of what a study says its model is, made from its database alone.

    Args:
        study: name of the study.
        confirmation: of the study.
        mixture: its best mixture.
        contents: fingerprints of its data sets.
        choice: which row, adapted how.
    """
    return content_key(
        "answer of a study",
        version=1,
        study=study,
        seeds=confirmation.seeds,
        errors={row.name: row.top1_errors for row in confirmation.rows},
        verdict=confirmation.verdict(),
        mixture=mixture,
        contents=sorted(contents),
        row=choice.row,
        adaptation=choice.adaptation,
    )
