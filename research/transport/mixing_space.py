"""Are mixtures better made of pixels, or in the latent space of an autoencoder?

    python -m research.transport.mixing_space [--seeds 3] [--out reports/figures]

Two grey targets and one colour target, four sources each; the same weights and the same maps in both spaces. Scored
on the test part (frozen features, ridge head on 5 shots a class), beside the OTDD of the mixture to held-out target
images. Needs $GEOSEARCH_DATA. Printed: a table; written: a picture mixing-<target>.png for each target. Errors are
kept in the cache. Answer: reports/transport.md.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from geosearch import seeds
from geosearch.data.collection import load_collection
from geosearch.data.dataset import balanced_rows
from geosearch.data.target import Target, cut_target
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.mixture.anchors import Anchors, build_anchors
from geosearch.mixture.hull import Hull
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.spaces.autoencoder import Autoencoder
from geosearch.mixture.spaces.base import MixingSpace
from geosearch.mixture.spaces.pixels import PixelSpace
from geosearch.mixture.weights import Weights
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import in_processes, one_thread
from geosearch.transport.solution import squared_wasserstein
from research.transport.embeddings import error

DATA = Path(os.environ.get("GEOSEARCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
TARGETS: dict[str, tuple[int, tuple[str, ...]]] = {
    "mnist": (1, ("usps", "fashion_mnist", "kmnist", "az_letters")),
    "kmnist": (1, ("mnist", "usps", "fashion_mnist", "az_letters")),
    "mnist_m": (3, ("svhn_small", "cifar10_small", "mnist", "az_letters")),
}
SPACES: dict[str, MixingSpace] = {"pixels": PixelSpace(), "autoencoder": Autoencoder()}


def prepared(name: str) -> tuple[Target, np.ndarray, dict[str, Anchors]]:
    """The target cut, its true test labels, and anchors of the same maps in every space."""
    channels, others = TARGETS[name]
    sources = [f"npz:{DATA / other}.npz" for other in others]
    collection = load_collection(
        f"npz:{DATA / name}.npz", sources, size=28, channels=channels, samples=4000, margin="match"
    )
    cache = Cache.default()
    with one_thread():
        encoder = SourceClassifier().fit(collection.sources, seed=0, cache=cache)
        parts = collection.parts(shots=5, reference=1000, held_out=1000, test=5000)
        target = cut_target(
            collection.train, collection.test, **parts, fit_labels=partial(NearestShot().fit, encoder=encoder), seed=0
        )
        anchors = {}
        for space, option in SPACES.items():
            start = time.perf_counter()
            fitted = option.fit([*collection.sources, target.reference], seed=0, cache=cache)
            print(f"{name}: {space} ready in {time.perf_counter() - start:.1f} s")
            anchors[space] = build_anchors(target.reference, collection.sources, encoder, space=fitted, cache=cache)
    assert collection.test is not None
    return target, collection.test.labels[target.rows["test"]], anchors


def held_out(anchors: Anchors, weights: Weights, target: Target) -> float:
    """OTDD of the mixture's images to held-out target images, squared units of the source network."""
    z = anchors.embed_target(target.held_out.images, target.held_out.labels)
    images, soft = Mixture(anchors, weights).draw(len(z), seeds.stream(0, "proxy"))
    return squared_wasserstein(anchors.embed(np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8), soft), z)


def draw(name: str, target: Target, anchors: dict[str, Anchors], path: Path) -> None:
    """The same target images; their anchors; uniform mixtures in both spaces."""
    rows = balanced_rows(target.reference.labels, 12, seeds.stream(0, "picture"))
    one = next(iter(anchors.values()))
    strips = [("target", target.reference.images[rows])]
    strips += [(source.name, source.images[rows]) for source in one.sources]
    m = len(one.sources)
    half = np.zeros(m)
    half[[0, -1]] = 0.5
    for what, weights in (("half and half", half), ("uniform", np.full(m, 1 / m))):
        for space, made in anchors.items():
            images = Mixture(made, Weights.of(weights)).mix_mean(rows)[0].transpose(0, 2, 3, 1)
            strips.append((f"{what}, {space}", np.rint(images.clip(0, 1) * 255).astype(np.uint8)))
    figure = Figure(figsize=(8, 0.56 * len(strips) + 0.4), layout="constrained")
    axes = figure.subplots()
    picture = np.concatenate([np.concatenate(list(images), 1) for _, images in strips])
    axes.imshow(picture.squeeze(), cmap="gray")
    axes.set_yticks([28 * i + 14 for i in range(len(strips))], [text for text, _ in strips])
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_title(f"mixtures for {name}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--out", type=Path, default=Path("reports/figures"))
    options = parser.parse_args()
    lines = []
    for name in options.targets:
        target, truth, anchors = prepared(name)
        draw(name, target, anchors, options.out / f"mixing-{name}.png")
        m = len(TARGETS[name][1])
        projection = Hull.of(anchors["pixels"]).projection()
        points = {
            "projection": projection,
            "projection, concentration 2": Weights.of(projection.array, concentration=2.0),
            "uniform": Weights.of(np.full(m, 1 / m)),
            "uniform, concentration 2": Weights.of(np.full(m, 1 / m), concentration=2.0),
        }
        calls = [
            (error, (anchors[space], weights, target, truth, seed))
            for weights in points.values()
            for space in SPACES
            for seed in range(options.seeds)
        ]
        found = np.array(list(in_processes(calls, 2))).reshape(len(points), 2, options.seeds)
        for what, errors in zip(points, found, strict=True):
            difference = 100 * (errors[1] - errors[0])
            half = stats.t.ppf(0.975, options.seeds - 1) * difference.std(ddof=1) / np.sqrt(options.seeds)
            verdict = "tie" if abs(difference.mean()) <= half else ("pixels" if difference.mean() > 0 else "latent")
            distances = [held_out(made, points[what], target) for made in anchors.values()]
            cells = [f"{100 * one.mean():.1f} ± {100 * one.std(ddof=1):.1f}" for one in errors]
            lines.append(
                f"| {name} | {what} | {cells[0]} | {cells[1]} | {difference.mean():+.1f} ± {half:.1f} | {verdict} | "
                f"{distances[0]:.3f} | {distances[1]:.3f} |"
            )
            print(lines[-1], flush=True)
    print("\n| target | mixture | pixels, % | latent, % | difference | better | OTDD, pixels | OTDD, latent |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
