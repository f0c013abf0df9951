"""The names of random streams fix every number: one that is renamed changes results, and old studies cannot go on."""

from __future__ import annotations

import ast
from pathlib import Path

import geosearch

NAMES = {
    "anchors", "augmentation", "autoencoder", "backbone", "batches", "classifier", "clean", "clusters",
    "coarse", "condense", "confirmation", "data", "draw", "episodes", "evaluation", "few-shot", "fine-tune",
    "folds", "glyphs", "halves", "head", "head-only", "held-out", "independent", "keeping", "looks",
    "meta-reweighted", "minibatch", "mixture", "neighbour", "network", "neural-map", "noise", "otdd",
    "patches", "pca", "population", "pretrain", "proxy", "refinement", "rehearsal", "reweight", "sample",
    "sampler", "shots", "start", "step", "steps", "synthesize", "teacher", "test", "unlabelled", "walk",
    "weights",
}  # fmt: skip


def stream_names() -> set[str]:
    """Every word that names a stream in the package."""
    found = set()
    for path in Path(geosearch.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("seeds."):
                found |= {
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return found


def test_no_stream_is_renamed():
    assert stream_names() >= NAMES
