"""Artifacts: cache files shared between machines through a folder or an S3 bucket."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from geosearch.errors import InvalidOptionError, StorageError
from geosearch.runtime.atomic import atomic_write
from geosearch.runtime.user_folder import expand_user

LOGGER = logging.getLogger(__name__)

VARIABLE = "GEOSEARCH_ARTIFACTS"


@dataclass(frozen=True)
class Artifacts:
    """A folder or bucket that many machines reach, beside the cache folder that each has of its own.

    Attributes:
        address: `s3://BUCKET` or `s3://BUCKET/PREFIX` (credentials, region and endpoint as boto3 finds them), or a
            folder that exists.

    Raises:
        InvalidOptionError: the address is neither of them, the bucket cannot be reached, or boto3 is missing.
    """

    address: str

    def __post_init__(self) -> None:
        _store(self.address)

    @classmethod
    def default(cls) -> Artifacts | None:
        """Those at ``$GEOSEARCH_ARTIFACTS``; None if that is empty."""
        address = os.environ.get(VARIABLE)
        return cls(address) if address else None

    def fetch(self, name: str, path: Path) -> bool:
        """Copy an artifact to `path` if there is one; return whether there is.

        Raises:
            StorageError: the folder or bucket cannot be read.
        """
        from optuna.artifacts.exceptions import ArtifactNotFound

        store, prefix = _store(self.address)
        try:
            with store.open_reader(prefix + name) as reader:
                content = reader.read()
        except ArtifactNotFound:
            return False
        except _unreachable() as error:
            raise StorageError(
                f"cannot read artifacts at {self.address}: {error}; correct {VARIABLE}, or unset it: then "
                "this machine computes what it needs"
            ) from error
        with atomic_write(path) as file:
            file.write(content)
        return True

    def upload(self, name: str, path: Path) -> None:
        """Upload a file; a failure is only a warning, since this machine has the file."""
        store, prefix = _store(self.address)
        try:
            with path.open("rb") as file:
                store.write(prefix + name, file)
        except _unreachable() as error:
            LOGGER.warning("cannot write artifacts at %s: %s", self.address, error)


@lru_cache(maxsize=8)
def _store(address: str) -> tuple[Any, str]:
    """An Optuna artifact store, and the prefix of its artifacts' names."""
    from optuna.artifacts import Boto3ArtifactStore, FileSystemArtifactStore  # slow: imports boto3 if it is installed

    kind, _, rest = address.rpartition("://")
    if kind == "s3" and rest.strip("/"):
        bucket, _, prefix = rest.partition("/")
        try:
            store = Boto3ArtifactStore(bucket)
            store.client.head_bucket(Bucket=bucket)
        except ImportError as error:
            raise InvalidOptionError(f"{VARIABLE}={address} needs boto3: pip install 'geosearch[s3]'") from error
        except _unreachable() as error:
            raise InvalidOptionError(f"{VARIABLE}={address}: {error}") from error
        return store, f"{prefix.strip('/')}/".lstrip("/")
    folder = expand_user(address)
    if kind or not folder.is_dir():
        raise InvalidOptionError(f"{VARIABLE}={address}: expected s3://BUCKET/PREFIX or a folder that exists")
    return FileSystemArtifactStore(folder), ""


def _unreachable() -> tuple[type[Exception], ...]:
    """What a store raises when it cannot be reached or denies access."""
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return (OSError,)
    return OSError, Boto3Error, BotoCoreError, ClientError
