"""ONNX gives the logits of the module, for any number of images."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from generators.models import labelled, pretrained_model, trained_model

from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.model import onnx_export
from geosearch.model.files import ONNX, write_model
from geosearch.nn.streams import as_tensor


def test_the_file_gives_the_logits_of_the_module_for_any_number_of_images(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    model = trained_model()
    folder = write_model(model, tmp_path / "model", onnx=True)
    assert "checked against the module" in (folder / "README.md").read_text()
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(folder / ONNX))
    for count in (1, 5):
        images = as_tensor(labelled(1).images[:count])
        found = evaluator.run(["logits"], {"images": images.numpy()})[0]
        assert np.allclose(found, model.module(images).detach().numpy(), atol=1e-4)


@pytest.mark.parametrize("size", [12, pytest.param(40, marks=pytest.mark.slow)])
def test_a_whole_pretrained_network_enlarges_or_shrinks_its_images_there_as_well(tmp_path, size):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    folder = write_model(pretrained_model(size=size), tmp_path / "model", onnx=True)
    assert "checked against the module" in (folder / "README.md").read_text()


def test_without_its_packages_the_way_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidOptionError, match=r"pip install 'geosearch\[onnx\]'"):
        write_model(trained_model(), tmp_path / "model", onnx=True)
    assert not list(tmp_path.iterdir())


def test_a_file_that_gives_other_logits_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(onnx_export, "_run", lambda path, images: (np.full((3, 4), 7.0), "a broken runtime"))
    with pytest.raises(TrainingFailedError, match="a broken runtime"):
        write_model(trained_model(), tmp_path / "model", onnx=True)
    assert not list(tmp_path.iterdir())
