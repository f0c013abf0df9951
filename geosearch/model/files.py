"""The folder of a trained model: written whole or not at all, and read with a check of every byte."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

from geosearch.errors import (
    InvalidDataError,
    InvalidOptionError,
    MissingPackageError,
    NewerFormatError,
    StorageError,
    UnknownDatasetError,
)
from geosearch.model.card import render_model_card
from geosearch.model.facts import ModelFacts
from geosearch.model.module import build_module
from geosearch.model.onnx_export import export_onnx
from geosearch.model.trained_model import TrainedModel
from geosearch.model.unlikeness import Unlikeness
from geosearch.runtime.atomic import atomic_dir
from geosearch.runtime.json_records import from_json, to_json
from geosearch.runtime.user_folder import expand_user

FORMAT = 1  # of model.json
FACTS, WEIGHTS, CARD, ONNX = "model.json", "model.safetensors", "README.md", "model.onnx"
_MODULE, _UNLIKE = "module/", "unlike/"  # prefixes of the names of tensors
_AGAIN = "write the model again with 'geosearch model STUDY --out DIR'"


def write_model(model: TrainedModel, out: str | Path, *, onnx: bool = False) -> Path:
    """Write a model into a folder: model.safetensors, model.json, README.md, and model.onnx if asked for.

    Args:
        model: the model.
        out: a folder that does not exist yet, or is empty; it is complete or absent, whatever happens.
        onnx: write the module as ONNX, too.

    Raises:
        OutputExistsError: `out` is a file, or a folder that is not empty.
        StorageError: the folder cannot be written or the disk is full; nothing is left behind.
        InvalidOptionError: ONNX without the packages that it needs.
    """
    facts, tensors = dump_model(model)
    weights = write_tensors(tensors)
    with atomic_dir(Path(out)) as folder:
        (folder / WEIGHTS).write_bytes(weights)
        described = {"format": FORMAT, "weights_blake2b": _digest(weights), **facts}
        (folder / FACTS).write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        note = export_onnx(model, folder / ONNX) if onnx else ""
        (folder / CARD).write_text(render_model_card(model.facts, Path(out).name, onnx=note), encoding="utf-8")
    return Path(out)


def load_model(folder: str | Path) -> TrainedModel:
    """The model in a folder that `geosearch model` wrote.

    >>> import geosearch
    >>> model = geosearch.load_model("digits-model")  # doctest: +SKIP
    >>> model.predict(images).names                   # doctest: +SKIP
    ['7', '2', '1']

    Args:
        folder: with model.json and model.safetensors.

    Raises:
        UnknownDatasetError: there is no such folder, or it holds no model.
        InvalidOptionError: a ``~USER`` that there is not.
        InvalidDataError: its files are damaged, or do not belong together.
        NewerFormatError: a newer version of geosearch wrote it.
        MissingPackageError: the library of its network is not installed.
        StorageError: a file cannot be read.
    """
    folder = expand_user(folder)
    described = _read_facts(folder)
    weights = _read(folder / WEIGHTS)
    if described.get("weights_blake2b") != _digest(weights):
        raise InvalidDataError(f"{folder / WEIGHTS} is damaged, or of another model than {FACTS} beside it; {_AGAIN}")
    facts = {name: value for name, value in described.items() if name not in ("format", "weights_blake2b")}
    try:
        return restore_model(facts, read_tensors(weights))
    except MissingPackageError:
        raise
    except (SafetensorError, InvalidDataError, ValueError) as error:
        raise InvalidDataError(f"{folder} holds no model that can be used: {error}; {_AGAIN}") from error


def is_model_folder(path: str | Path) -> bool:
    """Whether a folder holds what `write_model` writes, be it damaged."""
    folder = expand_user(path)
    return os.path.isfile(folder / FACTS) or os.path.isfile(folder / WEIGHTS)  # False for overlong names, too


def dump_model(model: TrainedModel) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A model as facts that JSON can hold and arrays by name; the inverse of `restore_model`."""
    state = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in model.module.state_dict().items()}
    tensors = {_MODULE + name: np.ascontiguousarray(array) for name, array in state.items()}
    tensors |= {_UNLIKE + name: np.ascontiguousarray(array) for name, array in model.unlike.arrays().items()}
    return to_json(ModelFacts, model.facts), tensors


def restore_model(facts: dict[str, Any], tensors: dict[str, np.ndarray]) -> TrainedModel:
    """The inverse of `dump_model`.

    Raises:
        InvalidDataError: facts and arrays do not belong together.
        MissingPackageError: the library of the network is not installed.
    """
    try:
        known = from_json(ModelFacts, facts)
        if not known.temperature > 0:
            raise ValueError(f"a temperature of {known.temperature}")
        ready, count = known.preprocessing, len(known.classes)
        module = build_module(
            known.architecture,
            channels=ready.channels,
            size=ready.size,
            classes=count,
            is_ensemble=known.is_ensemble,
        )
        state = {name.removeprefix(_MODULE): array for name, array in tensors.items() if name.startswith(_MODULE)}
        module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
        unlike = {name.removeprefix(_UNLIKE): array for name, array in tensors.items() if name.startswith(_UNLIKE)}
        return TrainedModel(module.eval(), known, Unlikeness.restore(unlike))
    except MissingPackageError:
        raise
    except (ValueError, KeyError, TypeError, RuntimeError, LookupError, InvalidOptionError) as error:
        text = " ".join(str(error).split())
        raise InvalidDataError(f"its description does not fit its weights ({text[:300]})") from error


def _read_facts(folder: Path) -> dict[str, Any]:
    if not os.path.isdir(folder):
        raise UnknownDatasetError(f"there is no folder {folder}; write a model with 'geosearch model STUDY --out DIR'")
    if not os.path.isfile(folder / FACTS):
        raise UnknownDatasetError(f"{folder} holds no model: there is no {FACTS}; {_AGAIN}")
    try:
        described = json.loads(_read(folder / FACTS).decode("utf-8"))
        written = int(described["format"])
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidDataError(f"{folder / FACTS} is not as geosearch wrote it ({error}); {_AGAIN}") from error
    if written > FORMAT:
        raise NewerFormatError.at(folder / FACTS, found=written, known=FORMAT)
    return dict(described)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidDataError(f"{path} is missing; {_AGAIN}") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}; make it readable") from error


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
