"""Address: which study is meant, by a study file, a name, or a database."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from geosearch.config.examples import example_file, example_names
from geosearch.config.read import expand, parse_study, read_study
from geosearch.config.study_config import StudyFile
from geosearch.errors import GeosearchError, InvalidOptionError, StorageError
from geosearch.runtime.atomic import backup_existing
from geosearch.runtime.redact import mask
from geosearch.search.storage.errors import translate_errors
from geosearch.search.storage.sqlite import alone, check_file, sqlite_path
from geosearch.search.storage.urls import JOURNAL, journal_path, storage_at
from geosearch.search.study_store import StudyStore, is_in_use, stored_settings


def resolve(study: str | Path | StudyFile, storage: str | None, *, begun: bool = False) -> tuple[StudyFile, str]:
    """The study's settings and the address of its database.

    A name is that of a begun study (studies/NAME.db), else of a study file (studies/NAME.toml), else of an example.

    Args:
        study: as for `Study.open`.
        storage: an address that overrides the study file's.
        begun: a study file alone is not enough, its database has to be there.

    Raises:
        InvalidOptionError: a study file that is wrong, or no study of that name.
    """
    text = str(study)
    if (path := _study_file_of(text)) is not None and (not begun if storage else _missing(_usual(text))):
        study, text = path, str(path)
    if isinstance(study, StudyFile) or text.endswith(".toml"):
        file, address = _filed(study, storage)
        if begun and (missing := _missing(address)):
            raise InvalidOptionError(
                f"the study '{file.study.name}' is not begun: there is no database {missing}; "
                "run 'geosearch search STUDY.toml' first"
            )
        return file, address
    if storage:
        address = storage
    elif "://" in text or text.startswith(JOURNAL):
        address = text
    elif text.endswith(".db"):
        address = f"sqlite:///{text}"
    else:
        address = _usual(text)
    address = expand(address)
    if missing := _missing(address):
        raise InvalidOptionError(
            f"no study '{mask(text)}': there is no database {missing}; give a study file (.toml), the name of a study "
            f"in studies/, an example ({', '.join(example_names())}), or a database address"
        )
    name, settings = stored_settings(address)
    if storage and text not in (name, address, storage):
        raise InvalidOptionError(f"{mask(address)} holds the study '{mask(name)}', not '{mask(text)}'")
    return parse_study(settings, mask(address)), address


def backup_study(address: str) -> None:
    """Rename an existing SQLite file to the first free <name>.old-<k>.db.

    Raises:
        StorageError: somebody works at it.
    """
    path = sqlite_path(address)
    if path is None:
        raise InvalidOptionError("--force-new works on SQLite files only; give the study another name instead")
    if not path.exists():
        return
    with alone(address):
        others = False
        with suppress(GeosearchError, sqlite3.Error), translate_errors(address):  # a damaged file is put aside as it is
            check_file(address)  # SQLite finishes or undoes what a killed process had begun
            others = is_in_use(storage_at(address))
        if others:
            raise StorageError(f"other processes are at work on {path}; stop them first, or wait for their end")
        with translate_errors(address):
            backup_existing(path)


def remember_places(store: StudyStore, file: StudyFile) -> None:
    """Keep where the sets lie now, for who opens the study by its name when they were moved."""
    kept, now = store.record.settings or {}, file.model_dump(mode="json", include={"domain", "limits", "price"})
    if any(kept.get(section) != keys for section, keys in now.items()):
        store.update(settings={**kept, **now})


def shown(name: str, url: str) -> str:
    """What names a study on the command line; passwords are hidden."""
    return name if url == _usual(name) else mask(url)


def _filed(study: str | Path | StudyFile, storage: str | None) -> tuple[StudyFile, str]:
    if isinstance(study, StudyFile):
        return study, storage or study.storage
    file = read_study(Path(study))
    return file, expand(storage) if storage else file.storage


def _study_file_of(name: str) -> Path | None:
    """studies/NAME.toml, or the example of that name; None if there is neither."""
    path = Path("studies", f"{name}.toml")
    return path if os.path.exists(path) else example_file(name)


def _missing(address: str) -> str:
    """The file that should be a study's database and is not there; nothing for servers, and where it is."""
    path = sqlite_path(address) or journal_path(address)
    return mask(str(path)) if path is not None and not os.path.exists(path) else ""  # False for overlong names, too


def _usual(name: str) -> str:
    return f"sqlite:///studies/{name}.db"
