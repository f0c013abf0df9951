"""How fast and how exact is OTDD beside unregularised transport by POT in float64, and in how much memory?

    python -m research.transport.otdd [--sizes 1000 5000 10000 20000 60000] [--with-reference-up-to 10000]

MNIST against FashionMNIST, 784 dimensions, Gaussian labels, plan included; each line is a process of its own, so
its peak memory is its own. Needs $GEOSEARCH_DATA (mnist.npz, fashion_mnist.npz, and for the other parts
kmnist.npz, usps.npz, az_letters.npz, svhn_small.npz). Above 20,000 images the sets are grown by shifting them one
pixel. Answer (reports/transport.md): a fifth of the reference's time at n = 5,000, an eighth at 10,000, within 0.02 %.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

DATA = Path(os.environ.get("GEOSEARCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
Arrays = tuple[np.ndarray, np.ndarray]  # images uint8 (n, 28, 28), labels (n,)


def read(name: str, n: int) -> Arrays:
    """At most n training images; usps is padded to 28 pixels; a set that is too small is grown by shifts."""
    with np.load(DATA / f"{name}.npz") as file:
        images, labels = file["train_images"], file["train_labels"].astype(np.int64)
    if images.shape[1] == 16:
        images = np.pad(images, ((0, 0), (6, 6), (6, 6)))
    copies = [np.roll(images, shift + 1, axis=1 + shift % 2) for shift in range(-(-n // len(images)) - 1)]
    images, labels = np.concatenate([images, *copies]), np.tile(labels, len(copies) + 1)
    return images[:n], labels[:n]


def reference(n: int) -> dict[str, object]:
    """A plain float64 cost matrix and POT's network simplex; the label table is made as ours is, in its time."""
    import ot

    from geosearch.transport.label_distances.gaussian import GaussianLabels

    (images, y), (images2, y2) = read("mnist", n), read("fashion_mnist", n)
    x, x2 = (one.reshape(n, -1) / np.float32(255) for one in (images, images2))
    start = time.perf_counter()
    table = GaussianLabels().table([x[y == k] for k in range(10)], [x2[y2 == k] for k in range(10)])
    labelled = time.perf_counter()
    x, x2 = x.astype(np.float64), x2.astype(np.float64)
    cost = np.square(x).sum(1)[:, None] + np.square(x2).sum(1) - 2 * x @ x2.T + table[y][:, y2]
    _, log = ot.emd(np.full(n, 1 / n), np.full(n, 1 / n), cost, numItermax=10**8, log=True)
    end = time.perf_counter()
    return {"value": float(log["cost"]), "seconds": end - start, "label_seconds": labelled - start}


def ours(n: int, solver: str) -> dict[str, object]:
    """`geosearch.otdd` from uint8 images to the plan."""
    from geosearch.data.dataset import LabelledSet
    from geosearch.transport.distance import otdd
    from geosearch.transport.label_distances.gaussian import GaussianLabels
    from geosearch.transport.solvers.exact import Exact
    from geosearch.transport.solvers.minibatch import Minibatch
    from geosearch.transport.solvers.sinkhorn import Sinkhorn
    from geosearch.transport.solvers.tiled import Tiled

    solvers = {
        "Exact()": Exact(),
        "Exact(0.003)": Exact(tolerance=0.003),
        "Tiled()": Tiled(),
        "Sinkhorn()": Sinkhorn(),
        "Minibatch(1000)": Minibatch(1000),
    }
    sets = [LabelledSet.from_arrays(*read(name, n), name=name) for name in ("mnist", "fashion_mnist")]
    warm = [one.take(np.arange(200)) for one in sets]
    otdd(warm[0], warm[1], solver=solvers[solver])  # imports and thread pools are not what is measured
    start = time.perf_counter()
    distance = otdd(sets[0], sets[1], solver=solvers[solver])
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    groups = [[one.images[one.labels == k].reshape(-1, 784) / np.float32(255) for k in range(10)] for one in sets]
    GaussianLabels().table(groups[0], groups[1])
    labels = time.perf_counter() - start
    return {
        "value": distance.value,
        "seconds": seconds,
        "label_seconds": labels,
        "lower_bound": distance.plan.lower_bound,
        "how": distance.plan.message,
    }


def floor(n: int) -> dict[str, object]:
    """What nothing can go below: one float32 matrix product, and one pass over the cost (a minimum of each row)."""
    import torch

    x, rows = torch.rand(n, 796), min(n, 2000)
    block = torch.empty(rows, n)
    product = single_pass = 0.0
    for start in range(-rows, n - rows + 1, rows):  # the first turn only warms up
        began = time.perf_counter()
        torch.mm(x[max(start, 0) :][:rows], x.T, out=block)
        made = time.perf_counter()
        block.amin(1)
        if start >= 0:
            product, single_pass = product + made - began, single_pass + time.perf_counter() - made
    return {"seconds": product, "how": f"the product; one pass over the cost {single_pass:.3f} s"}


def labels(count: int) -> dict[str, object]:
    """26 x 26 Gaussian label distances of `count` images a class in 784 dimensions, two halves of the letters."""
    from geosearch.transport.label_distances.gaussian import GaussianLabels

    images, numbers = read("az_letters", 26 * 2 * count)  # grown by shifts beyond the set's own 3,637
    x = images.reshape(len(images), -1) / np.float32(255)
    groups = [x[numbers == k] for k in range(26)]
    halves = [group[::2] for group in groups], [group[1::2] for group in groups]
    GaussianLabels().table(halves[0][:2], halves[1][:2])
    start = time.perf_counter()
    table = GaussianLabels().table(*halves)
    whole = time.perf_counter()
    few = GaussianLabels(rank=256).bounded_table(*halves)
    return {
        "seconds": whole - start,
        "value": float(table.mean()),
        "how": f"{min(map(len, halves[0]))} to {max(map(len, halves[0]))} images a class; rank 256: "
        f"{time.perf_counter() - whole:.3f} s, mean error {np.abs(few.table - table).mean() / table.mean():.1%} of "
        f"the mean distance, bound {few.error_bound.mean() / table.mean():.1%}",
    }


def proxy(samples: int) -> dict[str, object]:
    """The proxy of a search over five sources: held-out OTDD of a mixture, median of twenty after the first."""
    from functools import partial

    from geosearch.data.collection import load_collection
    from geosearch.data.target import cut_target
    from geosearch.embeddings.source_classifier import SourceClassifier
    from geosearch.mixture.anchors import build_anchors
    from geosearch.mixture.weights import Weights
    from geosearch.pseudo_labels.nearest import NearestShot
    from geosearch.runtime.cache import Cache
    from geosearch.search.fidelity.proxy import Proxy

    names = ["usps", "fashion_mnist", "kmnist", "az_letters", "svhn_small"]
    specs = [f"npz:{DATA / name}.npz" for name in names]
    collection = load_collection(f"npz:{DATA / 'mnist'}.npz", specs, size=28, channels=1, samples=2000)
    encoder = SourceClassifier().fit(collection.sources, seed=0, cache=Cache.default())
    parts = collection.parts(shots=5, reference=1000, held_out=samples, test=1000)
    target = cut_target(
        collection.train, collection.test, **parts, fit_labels=partial(NearestShot().fit, encoder=encoder), seed=0
    )
    anchors = build_anchors(target.reference, collection.sources, encoder)
    held_out = Proxy.of(anchors, target.held_out, samples=samples, seed=0)
    weights = [Weights.of(row) for row in np.random.default_rng(1).dirichlet(np.ones(5), 21)]

    def median_ms(call: Callable[[Weights], object]) -> float:
        times = []
        for row in weights:
            start = time.perf_counter()
            call(row)
            times.append(time.perf_counter() - start)
        return 1000 * float(np.median(times[1:]))

    whole, making = median_ms(held_out.otdd), median_ms(held_out.points)
    return {
        "seconds": whole / 1000,
        "value": held_out.otdd(weights[0]),
        "how": f"of it images and their features {making:.0f} ms, the plan {whole - making:.0f} ms",
    }


METHODS: dict[str, Callable[[int], dict[str, object]]] = {
    "reference": reference,
    "floor": floor,
    "labels 26 x 26": labels,
    "proxy": proxy,
}


def child(method: str, n: int) -> None:
    run = METHODS.get(method) or (lambda size: ours(size, method))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    facts = run(n)
    unit = 1 if sys.platform == "darwin" else 1024
    facts["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    facts["imported_gib"] = before * unit / 2**30
    print(json.dumps(facts))


def measured(method: str, n: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", method, "--sizes", str(n)], capture_output=True, text=True
    )
    if done.returncode:
        return {"seconds": float("nan"), "peak_gib": float("nan"), "how": done.stderr.strip().splitlines()[-1]}  # type: ignore[dict-item]
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000, 10000])
    parser.add_argument("--with-reference-up-to", type=int, default=5000)
    parser.add_argument("--solvers", nargs="+", default=["Exact()", "Exact(0.003)", "Tiled()"])
    parser.add_argument("--parts", action=argparse.BooleanOptionalAction, default=True, help="labels and proxy too")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not (DATA / "mnist.npz").exists():
        print(f"skipped: no mnist.npz in {DATA}; set GEOSEARCH_DATA")
        return
    if options.child:
        child(options.child, options.sizes[0])
        return
    print(f"{'n':>6} {'method':16} {'value':>9} {'error':>8} {'seconds':>8} {'labels':>7} {'ratio':>6} {'GiB':>5}  how")
    spent: dict[str, list[tuple[int, float]]] = {}
    for n in options.sizes:
        known = measured("reference", n) if n <= options.with_reference_up_to else None
        rows = [] if known is None else [("reference", known)]
        rows += [(method, measured(method, n)) for method in ("floor", *options.solvers)]
        for method, row in rows:
            value, seconds = row.get("value", float("nan")), row["seconds"]
            error = f"{100 * (value / known['value'] - 1):+.3f}%" if known else ""
            ratio = f"{seconds / known['seconds']:.3f}" if known else ""
            labelling = row.get("label_seconds", float("nan"))
            print(
                f"{n:6} {method:16} {value:9.3f} {error:>8} {seconds:8.2f} {labelling:7.2f} {ratio:>6} "
                f"{row['peak_gib']:5.2f}  {row.get('how', '')}",
                flush=True,
            )
            spent.setdefault(method, []).append((n, seconds))
    for method, points in spent.items():
        if len(points) > 1:
            slope = np.polyfit(np.log([n for n, _ in points]), np.log([t for _, t in points]), 1)[0]
            print(f"{method}: time grows as n^{slope:.2f}")
    if options.parts:
        for method, size in (("labels 26 x 26", 70), ("labels 26 x 26", 500), ("proxy", 400), ("proxy", 1000)):
            row = measured(method, size)
            print(f"{method} ({size}): {row['seconds']:.3f} s, {row['peak_gib']:.2f} GiB, {row['how']}")


if __name__ == "__main__":
    main()
