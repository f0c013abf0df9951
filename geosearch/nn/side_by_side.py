"""Features side by side: those of a pretrained network, and those of a trained copy of its last part."""

from __future__ import annotations

import torch
from torch import nn

from geosearch.nn.cut import Tail, Whole, at_stage
from geosearch.nn.feature_memory import BatchMemory

_SEEN = BatchMemory()  # by the pretrained halves, which all networks of a study have alike


class SideBySide(nn.Module):
    """The features of a pretrained tail, as it was, beside those of a trained copy: activations -> (b, 2 d).

    Source: features of several networks side by side, of which few labels take what they need (Dvornik et al. 2020),
    and a head on more than the last features (Evci et al. 2022); here they are those before and after a training.

    Networks with the same pretrained half read the same test images, so its features are remembered.

    Attributes:
        pretrained: the first half; it is not trained.
        trained: the second half.
        content: content key of the first half.
    """

    def __init__(self, pretrained: nn.Module, trained: nn.Module, content: str) -> None:
        super().__init__()
        self.pretrained, self.trained, self.content = pretrained.requires_grad_(False), trained, content

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        if torch.is_inference_mode_enabled():
            first = _SEEN.recall(self.content, activations, self.pretrained)
        else:  # a training, whose batches are ever new
            with torch.no_grad():
                first = self.pretrained(activations)
        return torch.cat([first, self.trained(activations)], 1)


class Branched(nn.Module):
    """A whole network with a second tail: images -> the features of both, (b, 2 d). What they share is computed once.

    Attributes:
        network: the whole network.
        tail: the second tail, of the same network.
    """

    def __init__(self, network: nn.Module, tail: Tail | Whole) -> None:
        super().__init__()
        self.network, self.tail = network, tail

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if isinstance(self.tail, Whole):
            return torch.cat([self.network(images), self.tail(images)], 1)
        activations: list[torch.Tensor] = []
        with at_stage(self.network, self.tail.stage, activations.append):
            own = self.network(images)
        return torch.cat([own, self.tail(activations[0])], 1)
