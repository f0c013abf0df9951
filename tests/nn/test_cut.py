"""Cuts: the stage is found, the two parts make the whole, and only the part behind the cut is kept and trained."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from geosearch.errors import InvalidOptionError
from geosearch.nn.cut import Cut, Stem, Tail
from geosearch.nn.stages import last_stages

FAMILIES = {  # of timm, small ones
    "resnet18": ("layer4", (256, 4, 4)),
    "convnext_atto": ("stages.3", (160, 4, 4)),
    "vit_tiny_patch16_224": ("blocks.11", (17, 192)),
    "vit_small_patch16_dinov3": ("blocks.11", (21, 384)),
    "mobilenetv3_small_050": ("blocks.4", (24, 4, 4)),
    "regnety_002": ("s4", (152, 4, 4)),
    "repvgg_a0": ("stages.3", (192, 4, 4)),
    "test_vit3": ("blocks.8", (17, 96)),  # attention pools what the blocks give, as in SigLIP
    "efficientvit_b0": ("stages.3", (64, 4, 4)),  # its head has layers of its own, as that of a CLIP ResNet
}


def of_timm(name: str, **options: bool) -> nn.Module:
    """With random weights, for images of 64 px, without a classifier."""
    timm = pytest.importorskip("timm", reason="the extra timm is not installed")
    torch.manual_seed(0)
    network: nn.Module = timm.create_model(name, num_classes=0, **options).eval()
    if hasattr(network, "set_input_size"):
        network.set_input_size(img_size=64)
    return network


@pytest.mark.parametrize("name", FAMILIES)
def test_stages_of_timm_are_found(name: str) -> None:
    network = of_timm(name)
    stage, shape = FAMILIES[name]
    assert last_stages(network, torch.zeros(2, 3, 64, 64)) == stage
    cut = Cut.before(network, stage, (3, 64, 64))
    assert cut.shape == shape
    _check(cut, network, torch.rand(5, 3, 64, 64))


def test_the_stem_of_a_transformer_is_asked_for_its_grid_of_patches() -> None:
    network = of_timm("test_vit3", dynamic_img_size=True)
    _check(Cut.before(network, "blocks.8", (3, 64, 64)), network, torch.rand(5, 3, 64, 64))


EARLIER = {  # of the last two stages and of the last three
    "resnet18": ("layer3", "layer2"),
    "convnext_atto": ("stages.2", "stages.1"),
    "vit_tiny_patch16_224": ("blocks.10", "blocks.9"),
    "tf_efficientnet_lite0": ("blocks.5", "blocks.4"),
    "test_vit3": ("blocks.7", "blocks.6"),
}


@pytest.mark.parametrize("name", EARLIER)
def test_a_tail_may_hold_several_stages(name: str) -> None:
    network = of_timm(name)
    sizes = []
    for count, stage in enumerate(EARLIER[name], 2):
        assert last_stages(network, torch.zeros(2, 3, 64, 64), count) == stage
        cut = Cut.before(network, stage, (3, 64, 64))
        _check(cut, network, torch.rand(5, 3, 64, 64))
        sizes.append(sum(weight.numel() for weight in cut.tail.parameters()))
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_stages_of_torchvision_are_found(name: str) -> None:
    from torchvision import models

    torch.manual_seed(0)
    network = models.get_model(name, weights=None).eval()
    _check(
        Cut.before(network, last_stages(network, torch.zeros(2, 3, 64, 64)), (3, 64, 64)),
        network,
        torch.rand(5, 3, 64, 64),
    )


def _check(cut: Cut, network: nn.Module, images: torch.Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(cut.tail(cut.stem(images)), network(images), rtol=1e-4, atol=1e-5)
    size, whole = (sum(weight.numel() for weight in part.parameters()) for part in (cut.tail, network))
    assert 0 < size < 0.995 * whole


def test_norms_of_a_tail_stay_as_they_are_while_it_is_trained() -> None:
    from torchvision.models import resnet18

    cut = Cut.before(resnet18(weights=None).eval(), "layer4", (3, 64, 64))
    before = {name: buffer.clone() for name, buffer in cut.tail.named_buffers()}
    weights = {name: weight.clone() for name, weight in cut.tail.named_parameters()}
    optimizer = torch.optim.AdamW(cut.tail.parameters(), 1e-2)
    cut.tail.train()
    cut.tail(torch.rand(4, *cut.shape)).sum().backward()
    optimizer.step()
    assert before
    assert all(torch.equal(before[name], buffer) for name, buffer in cut.tail.named_buffers())
    assert all(not torch.equal(weights[name], weight) for name, weight in cut.tail.named_parameters())


def test_a_tail_can_be_pickled_and_leaves_the_network_alone() -> None:
    import pickle

    from torchvision.models import resnet18

    network = resnet18(weights=None).eval()
    cut = Cut.before(network, "layer4", (3, 64, 64))
    with torch.no_grad():
        for weight in cut.tail.parameters():
            weight.zero_()
    assert (
        all(weight.abs().sum() > 0 for weight in network.layer4.conv1.parameters())
        if hasattr(network.layer4, "conv1")
        else network.layer4[0].conv1.weight.abs().sum() > 0
    )
    again = pickle.loads(pickle.dumps(cut.tail))
    assert isinstance(again, Tail)
    assert torch.equal(again(torch.ones(2, *cut.shape)), cut.tail(torch.ones(2, *cut.shape)))


def test_only_weights_that_matter_are_trained() -> None:
    class WithSpare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last, self.spare = _block(), _block(), _block()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.first(x)).mean((2, 3))

    network = WithSpare().eval()
    assert last_stages(network, torch.zeros(1, 3, 8, 8)) == "last"
    cut = Cut.before(network, "last", (3, 8, 8))
    trained = [name for name, weight in cut.tail.named_parameters() if weight.requires_grad]
    assert len(trained) == 4
    assert all(".last." in f".{name}" for name in trained)


def test_networks_without_a_cut_are_refused() -> None:
    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = _block(), _block()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.first(x)
            return (self.last(y) + y).mean((2, 3)) * x.mean()

    with pytest.raises(InvalidOptionError, match='cannot be cut before its stage "last"'):
        Cut.before(Skips().eval(), "last", (3, 8, 8))


def _block() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))


def test_a_stem_stops_no_other_thread_that_runs_the_same_network() -> None:
    """The other thread runs the whole network while the stem is half way."""
    images, within, done = torch.rand(2, 3, 4, 4), threading.Event(), threading.Event()
    caller = threading.get_ident()

    class First(nn.Flatten):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if threading.get_ident() == caller:
                within.set()
                assert done.wait(10)
            return super().forward(x)

    network = nn.Sequential(First(), nn.Linear(48, 5), nn.Linear(5, 2))

    def whole() -> torch.Tensor:
        try:
            assert within.wait(10)
            return network(images)
        finally:
            done.set()

    with ThreadPoolExecutor(1) as pool, torch.no_grad():
        other = pool.submit(whole)
        assert Stem(network, "2")(images).shape == (2, 5)
        assert other.result().shape == (2, 2)


class Meeting(nn.Module):
    """All threads that run it wait for each other half way, once there is a barrier."""

    barrier: threading.Barrier | None = None

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x.flatten(1))
        if Meeting.barrier:
            Meeting.barrier.wait(10)
        return self.last(x)


def test_threads_that_run_one_tail_get_the_features_of_their_own_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Meeting()
    tail = Tail(network, "last", torch.rand(2, 1, 2, 2))
    monkeypatch.setattr(Meeting, "barrier", threading.Barrier(2))
    inputs = [torch.rand(5, 3), torch.rand(5, 3)]
    with ThreadPoolExecutor(2) as pool, torch.no_grad():
        for x, found in zip(inputs, pool.map(tail, inputs), strict=True):
            torch.testing.assert_close(found, network.last(x))
