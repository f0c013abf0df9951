"""What a message about a data set that is not there adds: where was looked, and how a study finds it elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geosearch.config.relative_paths import relative_path
from geosearch.config.study_config import StudyFile
from geosearch.errors import UnknownDatasetError
from geosearch.runtime.redact import mask


@contextmanager
def explain_missing_data(file: StudyFile, database: str = "") -> Iterator[None]:
    """Add to the error about a missing data set what its reader cannot know.

    Args:
        file: the study's settings.
        database: address of a database that holds results of the study; empty if there is none.

    Raises:
        UnknownDatasetError: with the folders that relative paths were looked up from, and, for a study that has begun,
            the command that continues it with other paths.
    """
    try:
        yield
    except UnknownDatasetError as error:
        text = str(error)
        domain = file.domain
        specs = (domain.target, domain.unlabelled, domain.test, *domain.sources)
        if any(f"'{spec}'" in text for spec in specs if spec and relative_path(spec)):
            text += f"; relative paths are looked up from the working folder, {Path.cwd()}"
            text += f", then beside the study file, in {os.path.abspath(file.folder)}" if file.folder else ""
        if database:
            text += (
                "; where the data lie elsewhere now, write a study file with the new paths and run: geosearch resume "
                f"STUDY.toml --storage {mask(database)}"
            )
        raise UnknownDatasetError(text) from error
