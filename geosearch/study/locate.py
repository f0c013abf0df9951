"""Locate: from a study file, a name or a database address to the study's settings and its database."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from geosearch.config.examples import example_file, example_names
from geosearch.config.read import expand, parse_study, read_study
from geosearch.config.study_config import StudyFile
from geosearch.errors import GeosearchError, InvalidOptionError, StorageError
from geosearch.runtime.atomic import backup_existing
from geosearch.runtime.redact import mask
from geosearch.search.fingerprint import BEFORE
from geosearch.search.storage.errors import check_readable, translate_errors
from geosearch.search.storage.sqlite import check_file, exclusive_access, sqlite_path
from geosearch.search.storage.urls import JOURNAL, journal_path, storage_at
from geosearch.search.study_store import StudyStore, is_in_use, stored_settings


def resolve(study: str | Path | StudyFile, storage: str | None, *, must_exist: bool = False) -> tuple[StudyFile, str]:
    """The study's settings and the address of its database.

    A name is that of an existing study (studies/NAME.db), else of a study file (studies/NAME.toml), else of an example.

    Args:
        study: as for `Study.open`.
        storage: an address that overrides the study file's.
        must_exist: raise an error if there is no database.

    Raises:
        InvalidOptionError: the study file is invalid, or there is no study of that name.
    """
    text = str(study)
    if (path := _find_study_file(text)) is not None and (
        not must_exist if storage else _missing_file(_default_address(text))
    ):
        study, text = path, str(path)
    if isinstance(study, StudyFile) or text.endswith(".toml"):
        file, address = _read_file(study, storage)
        if must_exist and (missing := _missing_file(address)):
            raise InvalidOptionError(
                f"the study '{file.study.name}' has no database {missing}; run 'geosearch search STUDY.toml' first"
            )
        return file, address
    if storage:
        address = storage
    elif "://" in text or text.startswith(JOURNAL):
        address = text
    elif text.endswith(".db"):
        address = f"sqlite:///{text}"
    else:
        address = _default_address(text)
    address = expand(address)
    if missing := _missing_file(address):
        raise InvalidOptionError(
            f"no study '{mask(text)}': there is no database {missing}; give a study file (.toml), the name of a study "
            f"in studies/, an example ({', '.join(example_names())}), or a database address"
        )
    name, settings = stored_settings(address)
    if storage and text not in (name, address, storage):
        raise InvalidOptionError(f"{mask(address)} holds the study '{mask(name)}', not '{mask(text)}'")
    recipe = {"features": BEFORE["recipe.features"], **settings["recipe"]}  # which is no default of every regime
    return parse_study({**settings, "recipe": recipe}, mask(address)), address


def has_database(name: str) -> bool:
    """Whether there is a study of that name in studies/."""
    return not _missing_file(_default_address(name))


def backup_study(address: str) -> None:
    """Rename an existing SQLite file to the first free <name>.old-<k>.db.

    Raises:
        InvalidOptionError: the database is not a SQLite file.
        StorageError: other processes use it.
    """
    path = sqlite_path(address)
    if path is None:
        raise InvalidOptionError("--force-new works on SQLite files only; give the study another name instead")
    if not path.exists():
        return
    with exclusive_access(address):
        if not path.exists():  # another process was faster
            return
        others = False
        with suppress(GeosearchError, sqlite3.Error), check_readable(address):  # a damaged file is renamed as it is
            check_file(address)  # lets SQLite commit or roll back the transaction of a killed process
            others = is_in_use(storage_at(address))
        if others:
            raise StorageError(
                f"other processes are using {path}; stop them first, or wait until they end (if they have ended, which "
                "cannot be seen where they ran in another container, rename the file yourself)"
            )
        with translate_errors(address):
            backup_existing(path)


def update_settings(store: StudyStore, file: StudyFile) -> None:
    """Store where the data sets are now, and what no trial depends on, for commands that open the study by its name."""
    kept: dict[str, Any] = dict(store.record.settings or {})
    now = file.model_dump(mode="json", include={"domain", "limits", "price"})
    now |= {section: {**kept.get(section, {}), **keys} for section, keys in file.free_settings.items()}
    if any(kept.get(section) != keys for section, keys in now.items()):
        store.update(settings={**kept, **now})


def command_line_name(name: str, url: str) -> str:
    """The argument that names a study on the command line, without passwords."""
    return name if url == _default_address(name) else mask(url)


def _read_file(study: str | Path | StudyFile, storage: str | None) -> tuple[StudyFile, str]:
    if isinstance(study, StudyFile):
        return study, storage or study.storage
    file = read_study(Path(study))
    return file, expand(storage) if storage else file.storage


def _find_study_file(name: str) -> Path | None:
    """studies/NAME.toml, or the example of that name; None if there is neither."""
    path = Path("studies", f"{name}.toml")
    return path if os.path.exists(path) else example_file(name)


def _missing_file(address: str) -> str:
    """The database file of an address if it is missing; empty if it exists, or for a server."""
    path = sqlite_path(address) or journal_path(address)
    return mask(str(path)) if path is not None and not os.path.exists(path) else ""  # False for overlong names, too


def _default_address(name: str) -> str:
    return f"sqlite:///studies/{name}.db"
