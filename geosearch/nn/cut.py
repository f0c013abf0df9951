"""Cut: a network divided into a frozen stem and a trainable tail, at a stage (see `stages.py`)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.stages import calls_of

_PROBES = 3  # random images on which a cut is checked; three, so that no width of a network is mistaken for it


@dataclass(frozen=True, eq=False)
class Cut:
    """A network in two parts, tail(stem(x)) == network(x).

    Attributes:
        stem: images (b, ch, h, w) -> activations at the cut, (b, *shape).
        tail: activations -> features (b, d); it holds only what comes behind the cut.
        shape: of the activations of one image.
        width: d.
    """

    stem: nn.Module
    tail: nn.Module
    shape: tuple[int, ...]
    width: int

    @classmethod
    def before(cls, network: nn.Module, stage: str, image: tuple[int, int, int]) -> Cut:
        """The cut before a stage, checked on random images.

        Args:
            network: images -> features (b, d), in evaluation mode.
            stage: name of a module, as from `geosearch.nn.stages`.
            image: (ch, h, w) of the images.

        Raises:
            InvalidOptionError: the network does more than hand one tensor through this stage.
        """
        probe = _probe(network, image)
        try:
            with torch.no_grad():
                whole, stem = network(probe), Stem(network, stage)
                activations = stem(probe)
                tail = Tail(network, stage, probe)
                is_exact = torch.allclose(tail(activations), whole, rtol=1e-4, atol=1e-5)
            freeze_unused(tail, activations)
        except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise _no_cut(network, stage, next(iter(str(error).splitlines()), "")) from error
        if not is_exact or whole.ndim != 2:
            raise _no_cut(network, stage, "the two parts together give other features than the whole")
        return cls(stem, tail, tuple(activations.shape[1:]), whole.shape[1])

    @classmethod
    def everything(cls, network: nn.Module, image: tuple[int, int, int]) -> Cut:
        """The cut before the first layer: the tail is the whole network."""
        tail, probe = Whole(copy.deepcopy(network)), _probe(network, image)
        freeze_unused(tail, probe)
        with torch.no_grad():
            return cls(nn.Identity(), tail, image, network(probe).shape[1])


class Stem(nn.Module):
    """The part of a network before a stage: a forward pass that ends where the stage would begin."""

    def __init__(self, network: nn.Module, stage: str) -> None:
        super().__init__()
        self.network, self.stage = network, stage

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        def leave(activations: Any) -> None:
            raise _Arrived(activations)

        try:
            with at_stage(self.network, self.stage, leave):
                self.network(images)
        except _Arrived as arrived:
            if not isinstance(arrived.activations, torch.Tensor):
                raise TypeError(f"the stage takes a {type(arrived.activations).__name__}") from None
            return arrived.activations
        raise ValueError("the stage is never reached")


class Tail(nn.Module):
    """The part of a network from a stage on.

    It runs the network's own forward pass, in which the modules before the stage are replaced by what they gave for a
    blank image (nothing is computed and none of their weights are kept), and the stage gets the activations. So
    whatever the network does between its modules (flattening, pooling, taking the class token) is done here as well.

    Norms and dropout stay in evaluation mode, also while the tail is trained.
    """

    def __init__(self, network: nn.Module, stage: str, probe: torch.Tensor) -> None:
        super().__init__()
        before = _before(network, stage, probe)
        replaced = ((network.get_submodule(name), output) for name, output in before.items())
        own = {id(module): _Recorded(module, output) for module, output in replaced}
        self.network = copy.deepcopy(network, memo=own)  # type: ignore[arg-type]
        parent, _, leaf = stage.rpartition(".")
        setattr(self.network.get_submodule(parent), leaf, _Entrance(self.network.get_submodule(stage)))
        self.stage, self.image = stage, tuple(probe.shape[1:])

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        entrance = self.network.get_submodule(self.stage)
        given: dict[int, torch.Tensor] = entrance.given  # type: ignore[assignment]
        given[get_ident()] = activations  # other threads may run the same tail
        count = activations.shape[0]  # len() would fix the batch size of an exported network
        blank = activations.new_zeros(1, *(1 for _ in self.image)).expand(count, *self.image)
        try:
            return self.network(blank)
        finally:
            del given[get_ident()]

    def train(self, mode: bool = True) -> Tail:
        return super().train(False)


class Whole(nn.Module):
    """A whole network as a tail; its norms and dropout stay in evaluation mode, too."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)

    def train(self, mode: bool = True) -> Whole:
        return super().train(False)


@contextmanager
def at_stage(network: nn.Module, stage: str, see: Callable[[Any], None]) -> Iterator[None]:
    """While it lasts, `see` gets what the stage is given in every forward pass of this thread."""
    own = get_ident()

    def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if get_ident() == own:  # other threads may run the same network
            see(inputs[0])

    handle = network.get_submodule(stage).register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def with_tail(network: nn.Module, tail: nn.Module) -> nn.Module:
    """A copy of a whole network that has the weights of a tail of it; a tail without weights changes nothing.

    Args:
        network: the network, as it was before its tail was trained.
        tail: of `Cut.before` or `Cut.everything`, or another without weights.
    """
    whole = copy.deepcopy(network)
    if isinstance(tail, Tail | Whole):
        inner = f"{tail.stage}.stage." if isinstance(tail, Tail) else ""
        kept = {
            f"{tail.stage}.{name.removeprefix(inner)}" if inner and name.startswith(inner) else name: weight
            for name, weight in tail.network.state_dict().items()
        }
        whole.load_state_dict({**whole.state_dict(), **kept})
    return whole


def freeze_unused(tail: nn.Module, activations: torch.Tensor) -> None:
    """Let only those weights be trained that the features of a tail depend on."""
    tail.requires_grad_(True)
    weights = list(tail.parameters())
    found = torch.autograd.grad(tail(activations).sum(), weights, allow_unused=True)
    for weight, gradient in zip(weights, found, strict=True):
        weight.requires_grad_(gradient is not None)


class _Arrived(Exception):
    """Ends a forward pass at a stage."""

    def __init__(self, activations: Any) -> None:
        self.activations = activations


class _Recorded(nn.Module):
    """Stands for a module whose output does not matter; its shape does, and what others may ask it (`grid_size`)."""

    def __init__(self, module: nn.Module, output: torch.Tensor) -> None:
        super().__init__()
        for name, value in vars(module).items():
            if not name.startswith("_") and isinstance(value, int | float | str | tuple | None):
                setattr(self, name, value)
        self._shape = tuple(output.shape[1:])

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x.new_zeros(1, *(1 for _ in self._shape)).expand(x.shape[0], *self._shape)


class _Entrance(nn.Module):
    """A stage that is given its input from outside: thread -> activations, while that thread runs the tail."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage
        self.given: dict[int, torch.Tensor] = {}

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return self.stage(self.given[get_ident()], *args, **kwargs)


def _before(network: nn.Module, stage: str, probe: torch.Tensor) -> dict[str, torch.Tensor]:
    """Name and output of the outermost modules that are called once, and wholly before the stage."""
    calls = calls_of(network, probe)
    names = [name for name, _ in calls]
    known: dict[str, torch.Tensor] = {}
    for name, output in calls[: names.index(stage) if stage in names else 0]:
        is_whole = names.count(name) == 1 and isinstance(output, torch.Tensor) and len(output) == len(probe)
        if is_whole and not stage.startswith(f"{name}.") and not any(name.startswith(f"{one}.") for one in known):
            known[name] = output
    return known


def _probe(network: nn.Module, image: tuple[int, int, int]) -> torch.Tensor:
    """Random images (b, ch, h, w) on the device of a network."""
    place = next(network.parameters()).device
    return torch.randn(_PROBES, *image, generator=seeds.torch_stream(0, "cut probe")).to(place)


def _no_cut(network: nn.Module, stage: str, why: str) -> InvalidOptionError:
    return InvalidOptionError(
        f'{type(network).__name__} cannot be cut before its stage "{stage}" ({why}); set recipe.trainable to '
        '"head", "all" or another number of stages, or take another network'
    )
