"""Does it pay to train many small networks at once, in stacked tensors, instead of one after the other?

    python -m research.machine.training --device cuda [--count 32] [--steps 40] [--size 28] [--width 32]

Mixtures of five rendered sources, their drawing and augmentation included; what drawing takes by itself is printed
last. Stacked convolutions are tried both ways, grouped and as products with patches (unfolded).

Answer, one CPU core, 28 px: width 8 (14 -> 8 ms a network and step) 1.4 to 1.6 times the throughput, width 32 (the
default, 15 -> 34 ms) 0.45 times: there it does not pay. On a GPU the aim is 10 times for 32 mixtures.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from geosearch import seeds
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.digits import digits
from geosearch.data.loaders.glyphs import glyphs
from geosearch.embeddings.pca import PCA
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import Cache
from research.machine.network_stack import Run, pretrain_stacked

SOURCES = ["sans-digits", "serif-upper", "mono-lower", "computer-modern-greek", "sans-symbols"]


def mixtures(count: int, size: int, folder: Path) -> list[Run]:
    """Mixtures at random weights, all to be trained with one seed, as a search does."""
    cache = Cache(folder)
    target = harmonize(digits(), size=size, channels=1).sample(800, np.random.default_rng(0))
    sources = [harmonize(glyphs(*name.rsplit("-", 1), count=1000), size=size, channels=1) for name in SOURCES]
    anchors = build_anchors(target, sources, PCA(dims=32).fit(sources, seed=0, cache=cache), cache=cache)
    weights = np.random.default_rng(0).dirichlet(np.ones(len(SOURCES)), size=count)
    return [(Mixture(anchors, Weights.of(row, concentration=2.0)), 0) for row in weights]


def seconds(train: Callable[[Recipe], object], recipe: Recipe, warm_steps: int = 3) -> float:
    """Of a step of `train`, once warm; what it takes to set up is left out by taking the difference of two runs."""
    times = []
    for steps in (warm_steps, warm_steps, recipe.steps + warm_steps):
        start = time.perf_counter()
        train(recipe.scaled(steps))
        times.append(time.perf_counter() - start)
    return (times[2] - times[1]) / recipe.steps


def drawing_seconds(runs: list[Run], recipe: Recipe) -> float:
    """Of drawing one batch of every mixture in one thread."""
    streams = [mixture.batches(recipe.batch, seeds.stream(seed, "batches")) for mixture, seed in runs]
    start = time.perf_counter()
    for _ in range(recipe.steps):
        for stream in streams:
            next(stream)
    return (time.perf_counter() - start) / recipe.steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--count", type=int, default=32, help="mixtures")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--size", type=int, default=28, help="pixels")
    parser.add_argument("--width", type=int, default=32, help="of the small convolutional network")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    recipe = Recipe(network=SmallConv(arguments.width), steps=arguments.steps, precision=arguments.precision)
    device = arguments.device
    with tempfile.TemporaryDirectory() as folder:
        runs = mixtures(arguments.count, arguments.size, Path(folder))
        print(
            f"{len(runs)} mixtures, SmallConv({arguments.width}), {arguments.size} px, batches of {recipe.batch}, "
            f"{recipe.precision}, {device}; ms for a step of all"
        )
        single = seconds(lambda r: [pretrain(m, r, seed, device=device) for m, seed in runs], recipe)
        print(f"one at a time      {1e3 * single:9.1f}")
        for name, unfold in (("stacked, grouped", False), ("stacked, unfolded", True)):
            stacked = seconds(lambda r, u=unfold: pretrain_stacked(runs, r, device=device, unfold=u), recipe)
            print(f"{name:<18} {1e3 * stacked:9.1f}   throughput x {single / stacked:.2f}")
        print(f"drawing alone      {1e3 * drawing_seconds(runs, recipe):9.1f}   in one thread")


if __name__ == "__main__":
    main()
