"""What are pseudo-labels worth, by geometry (G2L) and by k-means, beside true labels and beside no source at all?

    python -m research.geometry_labels.worth [--targets mnist usps fashion_mnist kmnist az_letters] [--seeds 2]

Each grey set in turn is the target, with 5 shots a class; of the four others one at a time loses its labels. The
protocol is fixed and cheap: 300 steps of pretraining a `SmallConv(16)` at 16 px, features frozen, a ridge head on the
shots, error on the test part. Three trainings are scored: on the hidden source alone, on the pooled union of all four
sources, and (for the source that the target's projection on the hull leans on most) on that projection, for which the
study is prepared whole, from a file without labels. For that source whole searches are run as well, short ones with a
network of the usual width. Results: reports/data/geometry_labels_*.jsonl, tables by geometry_label_tables.py. About 20
minutes of one free core, and 30 for the searches. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import normalized_mutual_info_score

from geosearch import seeds
from geosearch.adaptation.ridge import RidgeHead
from geosearch.config.build import build_mixing_space, build_recipe
from geosearch.config.study_config import StudyFile
from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Target, cut_target
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.pixels import PixelEncoder, Pixels
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.mixture.baselines import CLOUD
from geosearch.mixture.mixture import Mixture
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain
from geosearch.pseudo_labels.clusters import Clusters
from geosearch.pseudo_labels.divergence import jensen_shannon_divergences, mean_distribution
from geosearch.pseudo_labels.g2l import G2L
from geosearch.pseudo_labels.g2l_rules import MedianSplitRule
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.progress import Log
from geosearch.study.baselines import build_baselines
from geosearch.study.build_search import build_search
from geosearch.study.prepare import Prepared, prepare
from geosearch.study.study import Study
from research.common.lines import Lines
from research.common.mixtures import DATA, GREY, LONG, SHORT, ground, study_file

FOLDER = Path(__file__).parents[2] / "reports" / "data"
NET = SourceClassifier()
WAYS: dict[str, Labelling] = {
    "g2l": G2L(10, embedding=NET),
    "clusters": Clusters(10, embedding=NET),
    "g2l, bins": G2L(10, MedianSplitRule(), embedding=NET),
    "g2l, 40": G2L(40, embedding=NET),
    "clusters, 40": Clusters(40, embedding=NET),
}
MAIN = ("true", "g2l", "clusters", "without")
VARIANTS = ("g2l, bins", "g2l, 40", "clusters, 40")
EMBEDDINGS: dict[str, Embedding] = {"source-classifier": NET, "pixels": Pixels()}


@lru_cache(maxsize=1)
def shelf_of(target: str, seed: int) -> tuple[Target, tuple[LabelledSet, ...]]:
    """The target cut as a study cuts it, and its four sources with their true labels."""
    domain = study_file(target, seed).domain
    collection = load_collection(**domain.collection, seed=seed)
    parts = collection.parts(
        shots=domain.shots, reference=domain.reference, held_out=domain.held_out, test=domain.test_size
    )
    return cut_target(
        collection.train,
        collection.test,
        **parts,
        fit_labels=partial(NearestShot().fit, encoder=PixelEncoder()),
        seed=seed,
    ), collection.sources


def cheap() -> Recipe:
    """A study's short recipe with half its network's width."""
    return replace(build_recipe(study_file(GREY[0], 0)).scaled(SHORT), network=SmallConv(16))


def trained(sets: tuple[LabelledSet, ...], seed: int) -> Network:
    """Pretrained on the pooled union of the sets, or taken from the cache."""
    pool, recipe = Pool(sets), cheap()
    start = seeds.integer(seed, "geometry labels")
    key = content_key("benchmark-pool", sets=[one.fingerprint for one in sets], recipe=recipe.key, seed=start)

    def compute() -> dict[str, np.ndarray]:
        return {name: tensor.numpy() for name, tensor in pretrain(pool, recipe, start).state_dict().items()}

    stored = Cache.default().arrays("benchmark-pool", key, compute)
    height, _, channels = pool.image_shape
    network = recipe.network.build(channels, height, pool.class_count, start)
    network.load_state_dict({name: torch.from_numpy(np.array(stored[name])) for name in network.state_dict()})
    return network


def wrong(network: Network, target: Target, seed: int) -> float:
    """Test error in [0, 1] of frozen features with a ridge head on the shots."""
    scores = RidgeHead().fit(network, target.shots, seed).predict(target.test_images)
    return float((scores.argmax(1) != target.test_labels.reveal()).mean())


def outcome(target: str, hidden: int, way: str, seed: int) -> dict[str, Any]:
    """Errors of pretraining on one source alone and on all, when that one is labelled in this way."""
    torch.set_num_threads(1)
    cut, sources = shelf_of(target, seed)
    rest = tuple(source for i, source in enumerate(sources) if i != hidden)
    if way == "without":
        return {"pooled": wrong(trained(rest, seed), cut, seed)}
    source, facts = sources[hidden], {}
    if way != "true":
        truth = source.labels
        source = WAYS[way].label(UnlabelledSet.of(source), rest, seed=seed, cache=Cache.default())
        sizes = np.bincount(source.labels)
        facts = {
            "information": float(normalized_mutual_info_score(truth, source.labels)),
            "labels": len(sizes),
            "largest": float(sizes.max() / sizes.sum()),
            "by": source.labelled_by,
        }
    facts["alone"] = wrong(trained((source,), seed), cut, seed)
    if way in MAIN:
        sets = tuple(source if i == hidden else one for i, one in enumerate(sources))
        facts["pooled"] = wrong(trained(sets, seed), cut, seed)
    return facts


def divergences(target: str, seed: int) -> dict[str, Any]:
    """Embedding -> divergence in bits of each source to the target's unlabelled images."""
    torch.set_num_threads(1)
    cut, sources = shelf_of(target, seed)
    found = {}
    for name, embedding in EMBEDDINGS.items():
        encoder = embedding.fit(sources, seed=seed, cache=Cache.default())
        own = mean_distribution(encoder.encode(cut.reference.images))
        means = np.stack([mean_distribution(encoder.encode(source.images)) for source in sources])
        found[name] = jensen_shannon_divergences(means, own[None])[:, 0].tolist()
    return {"divergences": found}


def on_the_hull(target: str, way: str, seed: int) -> dict[str, Any]:
    """Error of the target's projection on the hull (as a cloud), its weightiest source labelled in this way."""
    torch.set_num_threads(1)
    whole = ground(target, seed)
    mixture = projection(whole.prepared)
    hidden = int(np.argmax(mixture.weights.values))
    prepared = whole.prepared if way == "true" else without_labels(target, hidden, way, seed)
    mixture = projection(prepared)
    network = pretrain(mixture, cheap(), seeds.integer(seed, "geometry labels"))
    return {
        "hidden": whole.prepared.anchors.sources[hidden].name,
        "weights": {
            source.name: weight for source, weight in zip(prepared.anchors.sources, mixture.weights.values, strict=True)
        },
        "hull": wrong(network, prepared.target, seed),
    }


def searched(target: str, way: str, seed: int) -> dict[str, Any]:
    """Error of the best mixture of a whole search, that same source labelled in this way; mean over two trainings."""
    torch.set_num_threads(1)
    hidden = int(np.argmax(projection(ground(target, seed).prepared).weights.values))
    file = study_file(
        target,
        seed,
        "refined",
        search={"evaluations": 16, "finalists": 3, "repeats": 1, "jobs": 1},
        recipe={"steps": SHORT, "long_steps": LONG},
    )
    file = file if way == "true" else relabelled(file, hidden, way)
    with tempfile.TemporaryDirectory() as folder:
        study = Study.open(file, storage=f"sqlite:///{folder}/study.db", cache=Cache.default())
        best = build_search(file, study.prepared, study.store, study.cache, Log()).run().point
    mixture, recipe = Mixture(study.prepared.anchors, best), build_recipe(file).scaled(LONG)
    numbers = [seeds.integer(seed, "geometry labels", "searched", repeat) for repeat in range(2)]
    errors = [wrong(pretrain(mixture, recipe, number), study.prepared.target, seed) for number in numbers]
    names = [source.name for source in study.prepared.anchors.sources]
    return {"search": float(np.mean(errors)), "weights": dict(zip(names, best.values, strict=True))}


def projection(prepared: Prepared) -> Mixture:
    return Mixture(prepared.anchors, build_baselines(prepared)[CLOUD])


def without_labels(target: str, hidden: int, way: str, seed: int) -> Prepared:
    """The study prepared from files, that of the hidden source without its labels, or without that source."""
    file = relabelled(study_file(target, seed), hidden, way)
    return prepare(file, build_mixing_space(file), Cache.default(), lambda name: nullcontext())


def relabelled(file: StudyFile, hidden: int, way: str) -> StudyFile:
    """The study with its hidden source's file without labels, or without that source."""
    specs = list(file.domain.sources)
    if way == "without":
        del specs[hidden]
        changes: dict[str, Any] = {"sources": tuple(specs)}
    else:
        specs[hidden] = f"npz:{images_alone(specs[hidden])}"
        changes = {"sources": tuple(specs), "pseudo_labeller": way}
    return file.model_copy(update={"domain": file.domain.model_copy(update=changes)})


def images_alone(spec: str) -> Path:
    """A file with the training images of an npz file and nothing else."""
    name = Path(spec.removeprefix("npz:")).stem
    path = Cache.default().folder / "unlabelled" / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with np.load(DATA / f"{name}.npz") as arrays:
            np.savez(path, images=arrays["train_images"])
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(GREY))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--hull-seeds", type=int, default=1)
    parser.add_argument("--search-seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--stages", nargs="+", help="default: all")
    options = parser.parse_args()
    known = stages(options)
    for stage, tasks in ((name, known[name]) for name in options.stages or known):
        Lines(FOLDER / f"geometry_labels_{stage}.jsonl").fill(tasks, jobs=options.jobs)


def stages(options: argparse.Namespace) -> dict[str, list[Any]]:
    """Name -> what is asked, the most important first, so that a run that is cut short has it."""

    def labelled(ways: Sequence[str], seed_count: int) -> list[Any]:
        return [
            ({"target": target, "hidden": hidden, "labels": way, "seed": seed}, outcome, (target, hidden, way, seed))
            for seed in range(seed_count)
            for target in options.targets
            for hidden in range(4)
            for way in ways
        ]

    pairs = [(seed, target) for seed in range(options.seeds) for target in options.targets]
    return {
        "main": labelled(MAIN, options.seeds),
        "divergence": [({"target": target, "seed": seed}, divergences, (target, seed)) for seed, target in pairs],
        "hull": [
            ({"target": target, "labels": way, "seed": seed}, on_the_hull, (target, way, seed))
            for seed in range(options.hull_seeds)
            for target in options.targets
            for way in MAIN
        ],
        "search": [
            ({"target": target, "labels": way, "seed": seed}, searched, (target, way, seed))
            for seed in range(options.search_seeds)
            for target in options.targets
            for way in MAIN
        ],
        "variants": labelled(VARIANTS, 1),
    }


if __name__ == "__main__":
    main()
