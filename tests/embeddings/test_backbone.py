"""The torchvision backbone: where its weights come from, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.backbone import TorchvisionBackbone
from geosearch.errors import GeosearchError, InvalidOptionError, StorageError, UnknownDatasetError
from geosearch.runtime.cache import Cache


@pytest.fixture
def data() -> LabelledSet:
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1)).astype(np.uint8)
    return LabelledSet.from_arrays(images, np.array([0, 1, 0, 1]), name="noise")


def test_weights_come_from_exactly_one_place() -> None:
    with pytest.raises(InvalidOptionError, match="exactly one"):
        TorchvisionBackbone()
    with pytest.raises(InvalidOptionError, match="exactly one"):
        TorchvisionBackbone(weights="DEFAULT", random_weights=True)


def test_given_weights_are_used_and_keyed(tmp_path: Path, data: LabelledSet, cache: Cache) -> None:
    torch.manual_seed(1)
    model = models.resnet18(weights=None)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    given = TorchvisionBackbone(weights_path=tmp_path / "weights.pt", size=32).fit([data], seed=0, cache=cache)
    other = TorchvisionBackbone(weights_path=tmp_path / "weights.pt", size=32).fit([data], seed=5, cache=cache)
    random = TorchvisionBackbone(random_weights=True, size=32).fit([data], seed=0, cache=cache)
    assert given.key == other.key != random.key
    assert given.encode(data.images).shape == (4, 512)
    np.testing.assert_array_equal(given.encode(data.images), other.encode(data.images))


def test_random_weights_leave_the_global_stream_alone(data: LabelledSet, cache: Cache) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first = TorchvisionBackbone(random_weights=True, size=32).fit([data], seed=0, cache=cache)
    assert torch.equal(torch.rand(3), expected)
    assert first.key != TorchvisionBackbone(random_weights=True, size=32).fit([data], seed=1, cache=cache).key


def test_a_failed_download_of_weights_says_so(data: LabelledSet, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, weights: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(models, "get_model", unreachable)
    with pytest.raises(StorageError, match="no route to host"):
        TorchvisionBackbone(weights="IMAGENET1K_V1").fit([data], seed=0, cache=cache)


@pytest.mark.parametrize("content", [b"", b"not a file of torch", {"other": torch.zeros(2)}, [1, 2]])
def test_other_files_are_refused(tmp_path: Path, data: LabelledSet, cache: Cache, content: object) -> None:
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InvalidOptionError, match=r"weights\.pt"):
        TorchvisionBackbone(weights_path=path).fit([data], seed=0, cache=cache)


def test_names_are_checked(tmp_path: Path, data: LabelledSet, cache: Cache) -> None:
    cases: list[tuple[TorchvisionBackbone, type[GeosearchError], str]] = [
        (TorchvisionBackbone("resnet81", random_weights=True), InvalidOptionError, "did you mean 'resnet"),
        (TorchvisionBackbone(weights="IMAGENET9"), InvalidOptionError, "IMAGENET1K_V1"),
        (TorchvisionBackbone(weights_path=tmp_path / "none.pt"), UnknownDatasetError, "no weights file"),
        (TorchvisionBackbone("squeezenet1_0", random_weights=True), InvalidOptionError, "no linear layer"),
    ]
    for embedding, error, message in cases:
        with pytest.raises(error, match=message):
            embedding.fit([data], seed=0, cache=cache)
