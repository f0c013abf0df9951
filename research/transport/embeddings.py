"""In which embedding, and with which label distance, does OTDD rank mixtures as their measured errors do?

    python -m research.transport.embeddings [--seeds 2] [--embeddings NAME ...] [--out reports/figures/embeddings.json]

For each target: its four single sources and 12 random mixtures are trained on and scored on the whole test part
(frozen features, ridge head on 5 shots a class); then the OTDD of each to held-out target images, debiased and not, is
measured in every embedding. Printed: Kendall's tau, larger is better. Errors are kept in the cache, so a second run
only measures distances. Needs $GEOSEARCH_DATA. Answer: reports/transport.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from geosearch import seeds
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.collection import DatasetCollection, load_collection
from geosearch.data.target import Target, cut_target
from geosearch.embeddings.backbone import BackboneEmbedding
from geosearch.embeddings.base import Embedding, Encoder
from geosearch.embeddings.pca import PCA
from geosearch.embeddings.pixels import Pixels
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.mixture.anchors import Anchors, build_anchors
from geosearch.mixture.mixture import DrawStreams, Mixture, draw_weights
from geosearch.mixture.weights import Weights
from geosearch.nn.backbones import Backbone
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.runtime.atomic import atomic_write
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes, one_thread
from geosearch.runtime.result_cache import Evaluation, get_or_evaluate
from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.transport.label_distances.base import LabelDistance
from geosearch.transport.label_distances.exact import ExactLabels
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.label_distances.means import MeanLabels
from geosearch.transport.label_embedding import label_vectors
from geosearch.transport.solution import squared_wasserstein

DATA = Path(os.environ.get("GEOSEARCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
GREY = ("mnist", "usps", "fashion_mnist", "kmnist", "az_letters")
TARGETS = GREY[:4]
MIXTURES = 12
POINTS = 1000
EMBEDDINGS: dict[str, Embedding] = {
    "pixels": Pixels(),
    "PCA(64)": PCA(),
    "SourceClassifier": SourceClassifier(),
    "SourceClassifier, width 32": SourceClassifier(width=32),
    "ResNet-18, random": BackboneEmbedding(Backbone("torchvision:resnet18", "random", size=32)),
}
BIASED, DEBIASED = "biased", "debiased"
PLANS = "SourceClassifier, width 32"  # the embedding in which the candidates' plans are solved, for every row alike
LABELS: dict[str, LabelDistance | None] = {
    "Gaussian": GaussianLabels(),
    "exact": ExactLabels(200),
    "means": MeanLabels(),
    "none": None,
}


def candidates(m: int) -> list[Weights]:
    """The corners, then random weights, every second one a cloud around its point."""
    rng = seeds.stream(0, "random mixtures", m)
    corners = [Weights.of(row) for row in np.eye(m)]
    drawn = rng.dirichlet(np.ones(m), MIXTURES)
    return corners + [Weights.of(row, concentration=(np.inf, 2.0)[i % 2]) for i, row in enumerate(drawn)]


def prepared(name: str) -> tuple[DatasetCollection, Target, Anchors]:
    sources = [f"npz:{DATA / other}.npz" for other in GREY if other != name]
    collection = load_collection(f"npz:{DATA / name}.npz", sources, size=28, channels=1, samples=4000, margin="match")
    cache = Cache.default()
    with one_thread():
        encoder = EMBEDDINGS[PLANS].fit(collection.sources, seed=0, cache=cache)
        parts = collection.parts(shots=5, reference=1000, held_out=POINTS, test=5000)
        target = cut_target(
            collection.train, collection.test, **parts, fit_labels=partial(NearestShot().fit, encoder=encoder), seed=0
        )
    return collection, target, build_anchors(target.reference, collection.sources, encoder, cache=cache, jobs=2)


def error(anchors: Anchors, weights: Weights, target: Target, truth: np.ndarray, seed: int) -> float:
    """Test error of the shots' ridge head on features pretrained on one mixture, in [0, 1]."""
    recipe, mixture = Recipe(steps=400), Mixture(anchors, weights)
    key = content_key("benchmark", mixture=mixture.key, recipe=recipe.key, shots=target.shots.fingerprint, seed=seed)

    def evaluate() -> Evaluation:
        start = time.perf_counter()
        network = pretrain(mixture, recipe, seed)
        guess = RidgeHead().fit(network, target.shots, seed).predict(target.test_images).argmax(1)
        wrong = float((guess != truth).mean())
        return Evaluation(key, wrong, wrong, time.perf_counter() - start)

    return get_or_evaluate(Cache.default(), key, evaluate).top1_error


def distances(
    anchors: Anchors,
    target: Target,
    collection: DatasetCollection,
    encoder: Encoder,
    labels: LabelDistance | None,
    mixed: bool,
    asked: Sequence[Weights],
) -> dict[str, list[float]]:
    """OTDD of every mixture to the held-out images in an embedding, debiased (see `Proxy`) and not.

    Args:
        mixed: whether z is mixed instead of images encoded.
    """
    held_out, sets = target.held_out, [target.reference, *collection.sources]
    vectors = np.zeros((sum(len(one.classes) for one in sets), 1), np.float32)
    if labels is not None:
        codes = [encoder.encode(one.images) for one in sets]
        groups = [x[one.labels == k] for x, one in zip(codes, sets, strict=True) for k in range(len(one.classes))]
        vectors = label_vectors(labels.table(groups)).vectors
    c = len(held_out.classes)
    z = np.hstack([encoder.encode(held_out.images), vectors[:c][held_out.labels]]).astype(np.float32)
    n = len(anchors.reference)
    half = min(len(z), n // 2)
    rows = seeds.stream(0, "rows of the proxy").permutation(n)[: 2 * half]
    found: dict[str, list[float]] = {BIASED: [], DEBIASED: []}
    for weights in asked:
        images, soft = Mixture(anchors, weights).mix_rows(rows, seeds.stream(0, "proxy"))
        if mixed:
            features = in_features(anchors, weights, rows)
        else:
            features = encoder.encode(np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8))
        points = np.hstack([features, soft @ vectors[c:]]).astype(np.float32)
        across, within = (squared_wasserstein(points[:half], other) for other in (z, points[half:]))
        found[BIASED].append(across)
        found[DEBIASED].append(across - within / 2)
    return found


def in_features(anchors: Anchors, weights: Weights, rows: np.ndarray) -> np.ndarray:
    """The features of what `Mixture.mix_rows` gives, mixed instead of encoded from mixed images: (b, d)."""
    streams, n, mixed = DrawStreams.of(seeds.stream(0, "proxy")), len(anchors.reference), 0.0
    shares = draw_weights(weights, len(rows), streams.shares)
    for source, share in zip(anchors.sources, shares.T, strict=True):
        pick = rows + n * streams.replicas.integers(len(source.images) // n, size=len(rows))
        mixed = mixed + share[:, None] * anchors.encoder.encode(source.images)[pick]
    return np.asarray(mixed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--embeddings", nargs="+", default=list(EMBEDDINGS))
    parser.add_argument("--out", type=Path, help="keep errors and distances as JSON")
    options = parser.parse_args()
    taus: dict[tuple[str, str], list[str]] = {}
    means: dict[tuple[str, str], list[float]] = {}
    facts: dict[str, object] = {}
    for name in options.targets:
        collection, target, anchors = prepared(name)
        assert collection.test is not None
        truth = collection.test.labels[target.rows["test"]]
        asked = candidates(len(collection.sources))
        calls = [(error, (anchors, w, target, truth, seed)) for w in asked for seed in range(options.seeds)]
        errors = np.array(list(in_processes(calls, 2))).reshape(len(asked), options.seeds)
        noise = float(np.sqrt(errors.var(axis=1, ddof=1).mean())) if options.seeds > 1 else float("nan")
        print(f"{name}: error {errors.mean(1).min():.3f} to {errors.mean(1).max():.3f}, seed noise {noise:.3f}")
        facts[name] = {"errors": errors.tolist(), "distances": {}}
        for embedding in options.embeddings:
            encoder = EMBEDDINGS[embedding].fit(collection.sources, seed=0, cache=Cache.default())
            for labels, distance in LABELS.items():
                for mixed in (False, True) if embedding == PLANS else (False,):
                    start = time.perf_counter()
                    both = distances(anchors, target, collection, encoder, distance, mixed, asked)
                    seconds = time.perf_counter() - start
                    for kind, values in both.items():
                        row = (f"{embedding}{', z mixed' if mixed else ''}, {kind}", labels)
                        tau = float(kendalltau(values, errors.mean(1)).statistic)
                        interval = RankAgreement.of(np.array(values), errors.mean(1))
                        means.setdefault(row, []).append(tau)
                        taus.setdefault(row, []).append(f"{tau:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]")
                        facts[name]["distances"][" / ".join(row)] = values  # type: ignore[index]
                        print(f"  {row[0]:<36} {row[1]:<9} tau {taus[row][-1]}  {seconds:.1f} s", flush=True)
    print("\n| embedding | labels | " + " | ".join(options.targets) + " | mean |")
    print("| --- " * (3 + len(options.targets)) + "|")
    for row in sorted(means, key=lambda one: -float(np.mean(means[one]))):
        print(f"| {row[0]} | {row[1]} | " + " | ".join(taus[row]) + f" | {np.mean(means[row]):+.2f} |")
    if options.out:
        with atomic_write(options.out, "w") as file:
            json.dump(facts, file, indent=1)


if __name__ == "__main__":
    main()
