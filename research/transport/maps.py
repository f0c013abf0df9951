"""Which map sends a target best onto a source: along a plan, by smooth potentials, or by a trained network?

    python -m research.transport.maps [--pairs mnist:usps fashion_mnist:mnist] [--steps 1500] [--out reports/figures]

Two pairs of real sets, 1,000 reference images, 4,000 source images; each map is judged on the reference that it was
fitted to and on 1,000 target images that it never saw. Needs $GEOSEARCH_DATA. Printed: a table; written: a picture
maps-<target>-<source>.png for each pair. Answer: reports/transport.md.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Target, cut_target
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import predict, pretrain
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.runtime.cache import Cache
from geosearch.transport.distance import otdd
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.maps.barycentric import Barycentric
from geosearch.transport.maps.base import Map, Pair, Pushforward
from geosearch.transport.maps.entropic import Entropic
from geosearch.transport.maps.neural.map import Neural
from geosearch.transport.solvers.sinkhorn import Sinkhorn

DATA = Path(os.environ.get("GEOSEARCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
COLUMNS = 12


def groups(encoder, data: LabelledSet) -> list[np.ndarray]:
    codes = encoder.encode(data.images)
    return [codes[data.labels == label] for label in range(len(data.classes))]


def prepared(target_name: str, source_name: str) -> tuple[Target, LabelledSet, Pair, LabelledSet]:
    """The target cut, 1,000 target images beyond its reference, the pair, and 1,000 held-out source images."""
    collection = load_collection(
        f"npz:{DATA / target_name}.npz",
        [f"npz:{DATA / source_name}.npz", f"npz:{DATA / 'az_letters'}.npz"],
        size=28,
        channels=1,
        samples=5000,
        margin="match",
    )
    order = np.random.default_rng(0).permutation(len(collection.sources[0]))
    source, held_out = (
        collection.sources[0].take(np.sort(order[:4000])),
        collection.sources[0].take(np.sort(order[4000:])),
    )
    encoder = SourceClassifier().fit([source, collection.sources[1]], seed=0, cache=Cache.default())
    parts = collection.parts(shots=5, reference=1000, held_out=1000, test=1000)
    target = cut_target(
        collection.train, collection.test, **parts, fit_labels=partial(NearestShot().fit, encoder=encoder), seed=0
    )
    table = GaussianLabels().table(groups(encoder, target.reference), groups(encoder, source))
    more = target.with_surplus(collection.train, 2000)
    return target, more.take(np.arange(1000, 2000)), Pair(target.reference, source, encoder, table), held_out


def labelled(pushed: Pushforward, like: LabelledSet) -> LabelledSet:
    """Pushforward images with their largest soft label; classes that received nothing are left out."""
    return LabelledSet.from_arrays(pushed.images, pushed.labels.argmax(1), name=f"pushed to {like.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", default=["mnist:usps", "fashion_mnist:mnist"])
    parser.add_argument("--steps", type=int, default=Neural().steps, help="of the neural map")
    parser.add_argument("--out", type=Path, default=Path("reports/figures"))
    options = parser.parse_args()
    maps: dict[str, Map] = {
        "barycentric, exact plan": Barycentric(),
        "barycentric, entropic plan": Barycentric(Sinkhorn()),
        "entropic": Entropic(),
        "entropic, sharp": Entropic(Sinkhorn(regularization=0.01)),
        "neural": Neural(steps=options.steps),
    }
    for text in options.pairs:
        names = text.split(":")
        target, new, pair, held_out = prepared(*names)
        judge = pretrain(Pool((pair.source,)), Recipe(steps=600), seed=123)
        accuracy = (predict(judge, held_out.images).argmax(1) == held_out.labels).mean()
        floor = otdd(pair.source.sample(1000, np.random.default_rng(1)), held_out).value
        start = otdd(pair.reference, held_out).value
        print(f"\n{names[0]} onto {names[1]}: OTDD in pixels {start:.1f}, between two halves of the source {floor:.1f}")
        print(f"judge's accuracy on held-out source images {accuracy:.3f}\n")
        print("| map | target images | OTDD to held-out source | label agreement | diversity | fit s | s per 1,000 |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        rows = [("target", target.reference.images[:COLUMNS])]
        for name, option in maps.items():
            begin = time.perf_counter()
            fitted = option.fit(pair, seed=0, cache=Cache.default())
            seconds = time.perf_counter() - begin
            for what, images, labels in (
                ("reference", pair.reference.images, pair.reference.labels),
                ("new", new.images, new.labels),
            ):
                fitted(images[:10], labels[:10])  # what is worked out at the first call is part of no call
                begin = time.perf_counter()
                pushed = fitted(images, labels)
                per_1000 = (time.perf_counter() - begin) / len(images) * 1000
                value = otdd(labelled(pushed, pair.source), held_out).value
                agreement = (predict(judge, pushed.images).argmax(1) == pushed.labels.argmax(1)).mean()
                flat = (one.reshape(len(one), -1).astype(np.float32) for one in (pushed.images, pair.source.images))
                diversity = len(np.unique(cdist(*flat, "sqeuclidean").argmin(1))) / len(images)
                print(
                    f"| {name} | {what} | {value:.1f} | {agreement:.3f} | {diversity:.2f} | {seconds:.1f} | "
                    f"{per_1000:.3f} |",
                    flush=True,
                )
                rows.append((f"{name}, {what}", pushed.images[:COLUMNS]))
        draw(rows, new.images[:COLUMNS], options.out / f"maps-{names[0]}-{names[1]}.png", names)


def draw(rows: list[tuple[str, np.ndarray]], new: np.ndarray, path: Path, names: list[str]) -> None:
    """The same target images under every map: known ones at the left, new ones at the right."""
    known = [row for row in rows if not row[0].endswith(", new")]
    unseen = [("target", new), *[row for row in rows if row[0].endswith(", new")]]
    figure = Figure(figsize=(12, 0.5 * len(known) + 0.6), layout="constrained")
    for axes, side, title in zip(
        figure.subplots(1, 2), (known, unseen), ("reference images", "target images never seen"), strict=True
    ):
        axes.imshow(np.concatenate([np.concatenate(list(images[..., 0]), 1) for _, images in side]), cmap="gray")
        axes.set_yticks([28 * i + 14 for i in range(len(side))], [name.rsplit(", ", 1)[0] for name, _ in side])
        axes.set_xticks([])
        axes.set_title(f"{names[0]} onto {names[1]}: {title}", fontsize=10)
        axes.tick_params(length=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.05)


if __name__ == "__main__":
    main()
