"""Backbones: weights from everywhere, preprocessing of the model's own, resolutions, cuts, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from generators.pretrained import lite0_weights
from torch import nn
from torchvision import models

from geosearch.errors import GeosearchError, InvalidOptionError, StorageError, TooLargeError, UnknownDatasetError
from geosearch.nn.backbones import Backbone

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1)).astype(np.uint8)


def test_the_weights_of_a_file_whose_tensors_fit_in_order() -> None:
    network = Backbone("timm:tf_efficientnet_lite0", lite0_weights()).load(side=64)
    ours = network.normalization
    assert (ours.size, ours.mean, ours.interpolation) == (128, (0.5, 0.5, 0.5), "bicubic")
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    features = network.features(images)
    assert features.shape == (3, network.width) == (3, 1280)
    cut = network.cut("last")
    assert cut.shape == (192, 4, 4)
    with torch.no_grad():
        behind = cut.tail(torch.from_numpy(np.concatenate(list(network.run(cut.stem, images)))))
    np.testing.assert_allclose(behind.numpy(), features, atol=1e-5)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_the_weights_of_a_file_with_names(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(1)
    state = models.resnet18(weights=None, num_classes=7).state_dict()  # a classifier of other classes does not matter
    path = tmp_path / f"weights.{suffix}"
    if suffix == "pt":
        torch.save({"state_dict": state, "epoch": 3}, path)
    else:
        from safetensors.torch import save_file

        save_file(state, path)
    given = Backbone("torchvision:resnet18", str(path), size=32).load(12)
    assert torch.equal(given.network.state_dict()["conv1.weight"], state["conv1.weight"])
    assert given.features(IMAGES).shape == (4, 512)
    assert given.key != Backbone("torchvision:resnet18", str(path), size=64).load(12).key
    assert given.key != Backbone("torchvision:resnet18", "random", size=32).load(12).key


@pytest.mark.parametrize("trainable", ["head", "last", "all"])
def test_cuts(trainable: str) -> None:
    network = Backbone("torchvision:resnet18", "random", size=32).load(12)
    cut = network.cut(trainable)  # type: ignore[arg-type]
    assert cut.shape == {"head": (512,), "last": (256, 2, 2), "all": (3, 32, 32)}[trainable]
    x = network.normalization(IMAGES)
    with torch.no_grad():
        torch.testing.assert_close(cut.tail(cut.stem(x)), network.network(x))
    trained = sum(weight.requires_grad for weight in cut.tail.parameters())
    assert trained == {"head": 0, "last": 15, "all": 60}[trainable]
    assert not any(weight.requires_grad for weight in network.network.parameters())


def test_random_weights_leave_the_global_stream_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first = Backbone("torchvision:resnet18", "random", seed=11, size=32).load(12)
    assert torch.equal(torch.rand(3), expected)
    assert first.key != Backbone("torchvision:resnet18", "random", seed=12, size=32).load(12).key


def test_the_default_resolution_is_twice_that_of_the_images_as_far_as_the_networks_own() -> None:
    sizes = {side: Backbone("torchvision:resnet18", "random").load(side).normalization.size for side in (12, 64, 300)}
    assert sizes == {12: 32, 64: 128, 300: 224}
    assert Backbone("torchvision:vit_b_32", "random").load(64).normalization.size == 224  # takes no other


def test_a_resolution_is_a_multiple_of_the_patches() -> None:
    """timm would cut the rest of the image off."""
    pytest.importorskip("timm", reason="the extra timm is not installed")
    with pytest.raises(InvalidOptionError, match="no multiple of its patches of 16x16 px"):
        Backbone("timm:vit_tiny_patch16_224", "random", size=40).load(64)
    assert Backbone("timm:vit_small_patch14_dinov2", "random").load(12).normalization.size == 28
    assert Backbone("timm:vit_tiny_patch16_224", "random").load(12).normalization.size == 32


def test_published_weights_of_torchvision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own loader finds the file that a first use would have downloaded."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(4)
    network = models.resnet18(weights=None)
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(network.state_dict(), checkpoints / Path(models.ResNet18_Weights.DEFAULT.url).name)
    loaded = Backbone("torchvision:resnet18", size=32).load(12)
    assert torch.equal(loaded.network.get_submodule("conv1").weight, network.conv1.weight)
    assert loaded.features(IMAGES).shape == (4, 512)


def test_published_weights_of_timm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Likewise, from the folder of downloads of huggingface_hub."""
    timm = pytest.importorskip("timm", reason="the extra timm is not installed")
    from huggingface_hub import constants
    from safetensors.torch import save_file

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    torch.manual_seed(4)
    network = timm.create_model("resnet10t", pretrained=False)
    folder = tmp_path / f"models--{network.pretrained_cfg['hf_hub_id'].replace('/', '--')}"
    for part in ("refs", "snapshots/revision"):
        (folder / part).mkdir(parents=True)
    (folder / "refs" / "main").write_text("revision")
    save_file(network.state_dict(), folder / "snapshots" / "revision" / "model.safetensors")
    loaded = Backbone("timm:resnet10t", size=32).load(12)
    assert torch.equal(loaded.network.get_submodule("conv1.0").weight, network.get_submodule("conv1.0").weight)
    assert loaded.features(IMAGES).shape == (4, 512)


def test_a_failed_download_of_weights_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, weights: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(models, "get_model", unreachable)
    with pytest.raises(StorageError, match="no route to host"):
        Backbone("torchvision:resnet18").load(64)


@pytest.mark.parametrize("content", [b"", b"s", b"hello world", b"no file of torch", {"other": torch.zeros(2)}, [1, 2]])
def test_other_files_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InvalidOptionError, match=r"weights\.pt"):
        Backbone("torchvision:resnet18", str(path)).load(64)


def test_names_are_checked(tmp_path: Path) -> None:
    cases: list[tuple[Backbone, type[GeosearchError], str]] = [
        (Backbone("torchvision:resnet81", "random"), InvalidOptionError, "did you mean 'resnet"),
        (Backbone("torchvision:resnet18", "IMAGENET9"), InvalidOptionError, "IMAGENET1K_V1"),
        (Backbone("torchvision:resnet18", str(tmp_path / "none.pt")), UnknownDatasetError, "no weights file"),
        (Backbone("torchvision:resnet18", "long/" + "x" * 300), UnknownDatasetError, "no weights file"),
        (Backbone("torchvision:resnet18", "~nobody-here/w.pt"), InvalidOptionError, "no user 'nobody-here'"),
        (Backbone("torchvision:squeezenet1_0", "random"), InvalidOptionError, "no linear layer"),
        (Backbone("torchvision:vit_b_32", "random", size=100), InvalidOptionError, "its own resolution is 224 px"),
    ]
    for backbone, error, message in cases:
        with pytest.raises(error, match=message):
            backbone.load(64)
    for name in ("resnet18", "keras:resnet18", "timm:"):
        with pytest.raises(InvalidOptionError, match="'timm:NAME' or 'torchvision:NAME'"):
            Backbone(name)


def test_names_of_timm_are_checked() -> None:
    pytest.importorskip("timm", reason="the extra timm is not installed")
    with pytest.raises(InvalidOptionError, match="no user 'nobody-here'"):
        Backbone("timm:resnet18", "~nobody-here/w.pt").load(64)
    with pytest.raises(InvalidOptionError, match="did you mean 'resnet18'"):
        Backbone("timm:resnet118").load(64)
    with pytest.raises(InvalidOptionError, match="publishes no weights for 'coatnet_0_224'"):
        Backbone("timm:coatnet_0_224").load(64)


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InvalidOptionError, match=r"pip install 'geosearch\[timm\]'"):
        Backbone("timm:resnet18", "random", seed=99).load(64)


class _Exhausted(nn.Module):
    def forward(self, _: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def test_a_device_without_enough_memory_is_told_with_the_ways_out() -> None:
    network = Backbone("torchvision:resnet18", "random", size=32).load(32)
    with pytest.raises(TooLargeError, match=r'64 images; lower its resolution, or set recipe\.device to "cpu"'):
        list(network.run(_Exhausted(), np.zeros((3, 32, 32, 3), np.uint8)))
