"""Object labels: text that NumPy wrote as Python objects, read without running anything that the file says."""

from __future__ import annotations

import io
import pickle
from typing import IO, Any

import numpy as np

_MOST_BYTES = 256 * 2**20


class _Inert:
    """Stands for whatever the file wants to call: it keeps what it is given, and does nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _InertUnpickler(pickle.Unpickler):
    """Makes numbers, text and containers; of NumPy's own constructors a stand-in, of anything else an error."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return _Inert
        raise pickle.UnpicklingError(f"it holds objects of {module}.{name}")


def read_objects(file: IO[bytes]) -> np.ndarray:
    """An array of text, bytes, numbers or yes and no from an .npy file of Python objects -> object (n,) or (n, 1)

    Raises:
        ValueError: it holds anything else.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, _ = read(file)
    content = file.read(_MOST_BYTES)

    try:
        state = _InertUnpickler(io.BytesIO(content)).load().state
        values = state[-1]
    except Exception as error:  # whatever bytes can make an unpickler raise
        raise ValueError(f"Python objects that are no labels: {error}") from error
    plain = isinstance(values, list) and all(isinstance(value, (str, bytes, int, float)) for value in values)
    if not plain or int(np.prod(shape)) != len(values) or not values:
        raise ValueError("Python objects that are no labels: allow_pickle")
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)
