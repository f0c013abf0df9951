"""Every error that a user can meet. A message says what was expected, what came, and how to fix it."""

from __future__ import annotations


class GeosearchError(Exception):
    """Base of all errors raised on purpose; the command line prints the message and exits with code 2."""


class InvalidDataError(GeosearchError, ValueError):
    """Images or labels that cannot be used: shapes, dtypes, gaps in labels, NaN, no classes."""


class UnknownDatasetError(GeosearchError, LookupError):
    """A data set specification that names nothing that can be loaded."""


class DomainMismatchError(GeosearchError, ValueError):
    """Two sets that cannot meet: different shapes, a target among its own sources, too few shots."""


class InvalidWeightsError(GeosearchError, ValueError):
    """A weight vector that does not lie on the simplex."""


class InvalidOptionError(GeosearchError, ValueError):
    """An option (study file, argument) that is unknown, of the wrong type, or out of range."""


class StudyMismatchError(GeosearchError):
    """A study database that belongs to another study file."""


class NewerFormatError(GeosearchError):
    """A database, cache file or card that was written by a newer version of geosearch."""

    @classmethod
    def at(cls, place: object, *, found: int, known: int, otherwise: str = "") -> NewerFormatError:
        """The error for the file or database `place`, whose format `found` is above the highest `known` one.

        Args:
            otherwise: another way out than to upgrade, e.g. "set GEOSEARCH_CACHE to another folder".
        """
        return cls(
            f"{place} was written by a newer geosearch (format {found}, this one reads up to {known}); "
            f"run 'pip install --upgrade geosearch'{otherwise and ', or '}{otherwise}"
        )


class StorageError(GeosearchError):
    """A database, cache or folder that cannot be read, written or reached."""


class OutputExistsError(GeosearchError):
    """An output folder or file that is there already and would have been overwritten."""


class TooLargeError(GeosearchError, MemoryError):
    """A computation whose estimated memory passes the limit; refused before anything is allocated."""


class TrainingFailedError(GeosearchError):
    """A training run whose loss stopped being a finite number."""
