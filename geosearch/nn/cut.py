"""Cut: a network divided into a frozen stem and a trainable tail, at stages that are found in its structure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import InvalidOptionError

_PROBES = 3  # random images on which a cut is checked; three, so that no width of a network is mistaken for it
_NEARLY_ALL = 0.75  # of the weight matrices of a level, so that it has one part only that counts


def last_stages(network: nn.Module, probe: torch.Tensor, count: int = 1) -> str:
    """Name of the module in which the last stages of a network begin.

    Stages are the parts of the outermost level where several parts hold more than one weight matrix, in the order in
    which they are called; what follows the last one (a convolution, a norm) belongs to the tail as well. A part that
    holds nearly all matrices of its level is such a level itself. So they are ``layer1`` to ``layer4`` of a ResNet, the
    groups of blocks of an EfficientNet or a ConvNeXt, and the blocks of a vision transformer.

    Args:
        network: images -> features.
        probe: some images, (b, ch, h, w).
        count: of stages.

    Raises:
        InvalidOptionError: there are no such parts, or not more than `count` of them.

    >>> block = lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))
    >>> network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Sequential(block(), block(), block()))
    >>> last_stages(network, torch.zeros(1, 3, 9, 9)), last_stages(network, torch.zeros(1, 3, 9, 9), count=2)
    ('1.2', '1.1')
    """
    called = [name for name, _ in _calls(network, probe)]
    path = ""
    while parts := [part for part in _parts(network, path, called) if _matrices(network.get_submodule(part)) > 1]:
        path = max(parts, key=called.index)
        held = [_matrices(network.get_submodule(part)) for part in parts]
        if _matrices(network.get_submodule(path)) <= _NEARLY_ALL * sum(held):
            return _stage(network, sorted(parts, key=called.index), count)
    raise InvalidOptionError(
        f"{type(network).__name__} has no stages to cut between (no level of it has several parts with weights); "
        'set recipe.trainable to "head" or "all", or take another network'
    )


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
            stage: name of a module, as from `last_stages`.
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
        own = {id(network.get_submodule(name)): _Recorded(output) for name, output in before.items()}
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
    """Stands for a module whose output does not matter; its shape does."""

    def __init__(self, output: torch.Tensor) -> None:
        super().__init__()
        self.shape = tuple(output.shape[1:])

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x.new_zeros(1, *(1 for _ in self.shape)).expand(x.shape[0], *self.shape)


class _Entrance(nn.Module):
    """A stage that is given its input from outside: thread -> activations, while that thread runs the tail."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage
        self.given: dict[int, torch.Tensor] = {}

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return self.stage(self.given[get_ident()], *args, **kwargs)


def _stage(network: nn.Module, stages: Sequence[str], count: int) -> str:
    if count < len(stages):
        return stages[-count]
    raise InvalidOptionError(
        f"{type(network).__name__} has {len(stages)} stages ({stages[0]} to {stages[-1]}), so that at most the last "
        f'{len(stages) - 1} can be trained apart, got {count}; set recipe.trainable to "all", or to fewer'
    )


def _calls(network: nn.Module, probe: torch.Tensor) -> list[tuple[str, Any]]:
    """Name and output of every call of a module, in the order in which the calls begin."""
    calls: list[tuple[str, Any]] = []
    open_calls: list[int] = []

    def begin(name: str) -> None:
        open_calls.append(len(calls))
        calls.append((name, None))

    def end(name: str, output: Any) -> None:
        calls[open_calls.pop()] = (name, output)

    with ExitStack() as hooks, torch.no_grad():
        for name, module in network.named_modules():
            if name:
                hooks.callback(module.register_forward_pre_hook(lambda m, x, name=name: begin(name)).remove)
                hooks.callback(module.register_forward_hook(lambda m, x, y, name=name: end(name, y)).remove)
        network(probe)
    return calls


def _before(network: nn.Module, stage: str, probe: torch.Tensor) -> dict[str, torch.Tensor]:
    """Name and output of the outermost modules that are called once, and wholly before the stage."""
    calls = _calls(network, probe)
    names = [name for name, _ in calls]
    known: dict[str, torch.Tensor] = {}
    for name, output in calls[: names.index(stage) if stage in names else 0]:
        is_whole = names.count(name) == 1 and isinstance(output, torch.Tensor) and len(output) == len(probe)
        if is_whole and not stage.startswith(f"{name}.") and not any(name.startswith(f"{one}.") for one in known):
            known[name] = output
    return known


def _parts(network: nn.Module, path: str, called: Sequence[str]) -> Iterator[str]:
    """Names of the modules of one level; for a list of modules, which is never called itself, those in it."""
    for name, _ in network.get_submodule(path).named_children():
        full = f"{path}.{name}" if path else name
        if full in called:
            yield full
        else:
            yield from _parts(network, full, called)


def _matrices(module: nn.Module) -> int:
    """How many of its modules hold weights with two or more dimensions."""
    own = ([weight.ndim for weight in part.parameters(recurse=False)] for part in module.modules())
    return sum(max(ndims, default=0) > 1 for ndims in own)


def _probe(network: nn.Module, image: tuple[int, int, int]) -> torch.Tensor:
    """Random images (b, ch, h, w) on the device of a network."""
    place = next(network.parameters()).device
    return torch.randn(_PROBES, *image, generator=seeds.torch_stream(0, "cut probe")).to(place)


def _no_cut(network: nn.Module, stage: str, why: str) -> InvalidOptionError:
    return InvalidOptionError(
        f'{type(network).__name__} cannot be cut before its stage "{stage}" ({why}); set recipe.trainable to '
        '"head", "all" or another number of stages, or take another network'
    )
