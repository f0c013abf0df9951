"""All errors that a user may see. A message says what was expected, what was given, and how to fix it."""

from __future__ import annotations


class GeosearchError(Exception):
    """Base class of all errors of geosearch; the command line prints the message and exits with code 2."""


class InvalidDataError(GeosearchError, ValueError):
    """Images or labels that cannot be used: wrong shapes or dtypes, gaps in labels, NaN, no classes."""


class UnknownDatasetError(GeosearchError, LookupError):
    """A specification of a data set that no loader can load."""


class DomainMismatchError(GeosearchError, ValueError):
    """Data sets that cannot be used together: different shapes, a target among its own sources, too few shots."""


class InvalidWeightsError(GeosearchError, ValueError):
    """A weight vector that does not lie on the simplex."""


class InvalidOptionError(GeosearchError, ValueError):
    """An option (study file, argument) that is unknown, of the wrong type, or out of range."""


class MissingPackageError(InvalidOptionError):
    """An option that needs a package that is not installed."""


class StudyMismatchError(GeosearchError):
    """A study database that holds another study, or was created with other settings or data sets."""


class NewerFormatError(GeosearchError):
    """A database, cache file or card that was written by a newer version of geosearch."""

    @classmethod
    def at(cls, place: object, *, found: int, known: int, otherwise: str = "") -> NewerFormatError:
        """The error for a file or database in a newer format.

        Args:
            place: the file or database.
            found: its format.
            known: the newest format that this version reads.
            otherwise: an alternative to upgrading, e.g. "set GEOSEARCH_CACHE to another folder".
        """
        return cls(
            f"{place} was written by a newer geosearch (format {found}, this one reads up to {known}); "
            f"run 'pip install --upgrade geosearch'{otherwise and ', or '}{otherwise}"
        )


class StorageError(GeosearchError):
    """A database, cache or folder that cannot be read, written or reached."""


class OutputExistsError(GeosearchError):
    """An output folder or file that exists already and would have been overwritten."""


class TooLargeError(GeosearchError, MemoryError):
    """A computation whose estimated memory exceeds the limit; raised before anything is allocated."""


class TrainingFailedError(GeosearchError):
    """A training run that failed, e.g. because its loss became NaN."""
