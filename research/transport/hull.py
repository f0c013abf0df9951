"""Are the free things free? The closed form, and the mixture stream beside the training step that it feeds.

    python -m research.transport.hull

Answer on two cores (see reports/speed.md): tens of millions of mixtures a second for m = 5; the stream takes less
than 5 % of a training step.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.digits import digits
from geosearch.data.loaders.glyphs import glyphs
from geosearch.embeddings.pca import PCA
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.hull import Hull
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import Cache

SOURCES = ["sans-digits", "serif-upper", "mono-lower", "computer-modern-greek", "sans-symbols"]
STEPS = 100


def median_seconds(call, repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def closed_form(hull: Hull) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(5), size=1_000_000)
    for name, concentration in [("geodesic", np.inf), ("cloud", 2.0)]:
        seconds = median_seconds(lambda k=concentration: hull.distances(weights, k))
        print(f"closed form, {name:<9} {1e6 / seconds / 1e6:8.1f} million mixtures a second, m = 5")
    print(f"projection             {1e3 * median_seconds(hull.projection):8.3f} ms, m = 5")


def stream(anchors, size: int) -> None:
    mixture = Mixture(anchors, Weights.of(np.full(5, 0.2), concentration=2.0))
    batches = mixture.batches(64, np.random.default_rng(0))

    def draw() -> None:
        for _ in range(STEPS):
            next(batches)

    for width in (16, 32):
        recipe = Recipe(network=SmallConv(width=width), steps=STEPS)
        pretrain(mixture, recipe.scaled(5), 0)
        drawn = median_seconds(draw, 5) / STEPS
        trained = median_seconds(lambda r=recipe: pretrain(mixture, r, 0), 3) / STEPS
        print(
            f"stream, {size} px, width {width:<4}  {1e3 * drawn:8.3f} ms a batch of 64, {100 * drawn / trained:.1f} % "
            f"of the {1e3 * trained:.2f} ms that a training step takes, stream included"
        )


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder))
        for size in (16, 28):
            target = harmonize(digits(), size=size, channels=1).sample(800, np.random.default_rng(0))
            sources = [harmonize(glyphs(*name.rsplit("-", 1), count=2000), size=size, channels=1) for name in SOURCES]
            encoder = PCA(dims=32).fit(sources, seed=0, cache=cache)
            anchors = build_anchors(target, sources, encoder, cache=cache)
            if size == 16:
                closed_form(Hull.of(anchors))
            stream(anchors, size)


if __name__ == "__main__":
    main()
