"""Weights of a network from a file: named as its own, or in the same order."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from torch import nn

from geosearch.errors import InvalidOptionError, UnknownDatasetError

State = Mapping[str, torch.Tensor]
_UNREADABLE = (  # what a file of something else, or half of one, makes torch and safetensors raise
    SafetensorError,
    UnpicklingError,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)
_INNER = ("state_dict", "model", "model_state_dict")  # where checkpoints of a training keep the weights


def load_weights(network: nn.Module, path: Path, name: str, *, head: str = "") -> None:
    """Fill a network with the weights of a file.

    The tensors have the names of the network's own, those of the classifier may be missing or of other classes; or
    they have other names, but the shapes of the network's own in the same order.

    Args:
        network: the network, which is changed.
        path: a safetensors file, or what torch.save wrote of a state dict.
        name: of the network, for messages.
        head: name of the module that classifies.

    Raises:
        UnknownDatasetError: no such file.
        InvalidOptionError: it holds no state dict, or one of another network.
    """
    state, own = read_state(path), network.state_dict()
    body = {key for key in own if not (head and key.startswith(f"{head}."))}
    if all(key in state and state[key].shape == own[key].shape for key in body) and all(
        key in own or (head and key.startswith(f"{head}.")) for key in state
    ):
        fits = {key: tensor for key, tensor in state.items() if key in own and tensor.shape == own[key].shape}
        network.load_state_dict(fits, strict=False)
        return
    if [tuple(tensor.shape) for tensor in state.values()] == [tuple(tensor.shape) for tensor in own.values()]:
        network.load_state_dict(dict(zip(own, state.values(), strict=True)))
        return
    shapes = {key: tuple(tensor.shape) for key, tensor in own.items()}
    found = {key: tuple(tensor.shape) for key, tensor in state.items()}
    wrong = sorted(key for key in shapes.keys() | found.keys() if shapes.get(key) != found.get(key))
    raise InvalidOptionError(
        f"{path} does not fit '{name}': {len(wrong)} tensors differ, the first is '{wrong[0]}' "
        f"(expected {shapes.get(wrong[0])}, got {found.get(wrong[0])}); give weights of this network"
    )


def read_state(path: Path) -> State:
    """The state dict in a safetensors file or one of torch.save; nothing in it is executed.

    Raises:
        UnknownDatasetError: no such file.
        InvalidOptionError: it holds no state dict.
    """
    from safetensors.torch import load_file

    if not os.path.isfile(path):  # False for names that no file can have
        raise UnknownDatasetError(f'no weights file {path}; give the path of a state dict, or "pretrained"')
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise InvalidOptionError(
            f"{path} holds no plain state dict ({next(iter(str(error).splitlines()), type(error).__name__)}); "
            "write one with torch.save(model.state_dict(), path)"
        ) from error
    for inner in _INNER:
        if isinstance(state, Mapping) and isinstance(state.get(inner), Mapping):
            state = state[inner]
    if not isinstance(state, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise InvalidOptionError(
            f"{path} holds no plain state dict; write one with torch.save(model.state_dict(), path)"
        )
    return state
