"""Every error that a user can meet. A message says what was expected, what came, and how to mend it."""

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
    """A study database that belongs to another study file, or to a newer version of geosearch."""


class StorageError(GeosearchError):
    """A database, cache or folder that cannot be read, written or reached."""


class OutputExistsError(GeosearchError):
    """An output folder or file that is there already and would have been overwritten."""


class TooLargeError(GeosearchError, MemoryError):
    """A computation whose estimated memory passes the limit; refused before anything is allocated."""


class TrainingFailedError(GeosearchError):
    """A training run whose loss stopped being a finite number."""
