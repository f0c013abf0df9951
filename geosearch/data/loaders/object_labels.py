"""Object labels: text that NumPy wrote as Python objects, taken from the file without running what it says."""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

_MOST_BYTES = 256 * 2**20
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = ("UNICODE", "BYTES", "INT", "LONG1", "FLOAT", "STRING")  # ends of the names of opcodes that carry a value
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_KNOWN = frozenset({"_reconstruct", "ndarray", "dtype"})  # what an array of objects is written with


@dataclass
class _Object:
    """Stands for what the file wants to make of NumPy: it keeps the state that it is given, and does nothing."""

    state: Any = None


class _Mark:
    """Where a list or tuple begins on the stack."""


def read_objects(file: IO[bytes]) -> np.ndarray:
    """An array of text, bytes, numbers or yes and no from an .npy file of Python objects -> object (n,) or (n, 1)

    The file is a program for a stack. Only instructions that put plain values together are followed; what would call
    something is replaced by a stand-in, and anything else is an error.

    Raises:
        ValueError: it holds anything else.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, _ = read(file)
    try:
        values = _follow(file.read(_MOST_BYTES)).state[-1]
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ValueError(f"Python objects that are no labels: {error}") from error
    plain = isinstance(values, list) and all(isinstance(value, (str, bytes, int, float)) for value in values)
    if not plain or not values or int(np.prod(shape)) != len(values):
        raise ValueError("Python objects that are no labels")
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def _follow(content: bytes) -> Any:
    """What the program leaves on the stack."""
    stack: list[Any] = []
    memory: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name.endswith(_VALUES) or name.startswith("BININT"):
            stack.append(argument)
        elif name == "MARK":
            stack.append(_Mark())
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack[len(stack) - count :] = [tuple(stack[len(stack) - count :])]
        elif name in ("TUPLE", "LIST"):
            items = _since_mark(stack)
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else _since_mark(stack)
            stack[-1].extend(items)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            place = tuple(argument.split(" ")) if name == "GLOBAL" else (stack.pop(-2), stack.pop())
            if place[0].partition(".")[0] != "numpy" or place[1] not in _KNOWN:
                raise ValueError(f"it holds objects of {'.'.join(place)}")
            stack.append(_Object())
        elif name == "REDUCE":
            stack[-2:] = [_Object()]
        elif name == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif name == "MEMOIZE":
            memory[len(memory)] = stack[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memory[argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memory[argument])
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"the instruction {name}")
    return stack.pop()


def _since_mark(stack: list[Any]) -> list[Any]:
    """The items above the last mark, taken off with it."""
    start = max(row for row, item in enumerate(stack) if isinstance(item, _Mark))
    items = stack[start + 1 :]
    del stack[start:]
    return items
