"""ONNX: the module in the format of other runtimes, by torch's own exporter, checked against the module."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.model.trained_model import TrainedModel
from geosearch.seeds import torch_stream

_TOLERANCE = 1e-3  # of the largest logit
_IMAGES = 3  # in the check; other than in the example of the export


def export_onnx(model: TrainedModel, path: Path) -> str:
    """Write the module to one file: "images" float32 (b, ch, size, size) in [0, 1] -> "logits" (b, c).

    The batch size is free. The file is run on random images, by onnxruntime if it is there, else by the reference
    evaluator of onnx, and compared with the module.

    Returns:
        How it was checked, in a sentence.

    Raises:
        InvalidOptionError: onnx or onnxscript is not installed.
        TrainingFailedError: the file gives other logits than the module.
    """
    check_onnx()
    shape = (model.channels, model.size, model.size)
    example = torch.rand(2, *shape, generator=torch_stream(0, "onnx", "example"))
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet("torch.onnx", "onnxscript"):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.module,
            (example,),
            path,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    images = torch.rand(_IMAGES, *shape, generator=torch_stream(0, "onnx", "check"))
    with torch.inference_mode():
        expected = model.module(images).numpy()
    found, by = _run(path, images.numpy())
    error = float(np.abs(found - expected).max())
    if not error <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise TrainingFailedError(
            f"the ONNX file gives other logits than the module (they differ by {error:.3g}, {by}); write the model "
            "without --onnx, and report this"
        )
    return f"checked against the module with {by}: logits differ by {error:.1e} at most"


def check_onnx() -> None:
    """Refuse an export whose packages are missing.

    Raises:
        InvalidOptionError: onnx or onnxscript is not installed.
    """
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidOptionError(
            f"ONNX needs the package{'s' * (len(missing) > 1)} {' and '.join(missing)}; "
            "run: pip install 'geosearch[onnx]'"
        )


def _run(path: Path, images: np.ndarray) -> tuple[np.ndarray, str]:
    """Logits, and what computed them."""
    if importlib.util.find_spec("onnxruntime") is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(["logits"], {"images": images})[0], "onnxruntime"
    from onnx.reference import ReferenceEvaluator

    evaluator: Any = ReferenceEvaluator(str(path))
    return evaluator.run(["logits"], {"images": images})[0], "the reference evaluator of onnx"


@contextlib.contextmanager
def _quiet(*names: str) -> Any:
    """The exporter logs its progress."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
