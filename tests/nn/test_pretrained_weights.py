"""Weights from files: by name, in order, in safetensors or of torch.save."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from geosearch.errors import InvalidOptionError
from geosearch.nn.pretrained_weights import load_weights


def _network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 4))


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"0.weight": "body.w", "0.bias": "body.b"},  # other names, in the network's order
    ],
)
def test_weights_fit_by_name_or_in_order(tmp_path: Path, names: dict[str, str]) -> None:
    first, second = _network(), _network()
    torch.save({names.get(name, name): tensor for name, tensor in first.state_dict().items()}, tmp_path / "w.pth")
    load_weights(second, tmp_path / "w.pth", "toy")
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_classifier_may_be_missing_or_another(tmp_path: Path) -> None:
    first, second = _network(), _network()
    kept = second[2].weight.clone()
    for classifier in ({}, {"2.weight": torch.zeros(9, 3), "2.bias": torch.zeros(9)}):
        body = {name: tensor for name, tensor in first.state_dict().items() if not name.startswith("2.")}
        torch.save(body | classifier, tmp_path / "w.pth")
        load_weights(second, tmp_path / "w.pth", "toy", head="2")
        assert torch.equal(first[0].weight, second[0].weight)
        assert torch.equal(second[2].weight, kept)
        with pytest.raises(InvalidOptionError, match=r"does not fit 'toy'"):
            load_weights(second, tmp_path / "w.pth", "toy")
