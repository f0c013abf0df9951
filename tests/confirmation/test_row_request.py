"""The rows of a confirmation: variants differ from the best mixture in what their names say, and in nothing else."""

from __future__ import annotations

from generators.studies import tiny_file

from geosearch.confirmation.candidates import Plain
from geosearch.confirmation.row import BEST
from geosearch.confirmation.row_request import request_rows
from geosearch.mixture.weights import Weights
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.study.study import Study


def test_a_curated_mixture_is_as_far_from_the_pretrained_weights_and_augmented_as_the_best(tmp_path, shared_cache):
    prepared = Study.open(tiny_file(tmp_path), storage=f"sqlite:///{tmp_path}/study.db", cache=shared_cache).prepared
    rows = request_rows(
        prepared.anchors,
        prepared.target,
        Weights.uniform(2),
        {},
        singles={},
        variants=["curated", "reweighted"],
        interpolation=lambda _: 0.5,
        augmentation=lambda _: NO_AUGMENTATION,
    )
    best, *others = [row.candidate for row in rows if row.name.startswith(BEST)]
    assert len(others) == 2
    for one in (best, *others):
        assert isinstance(one, Plain)
        assert (one.interpolation, one.augmentation) == (0.5, NO_AUGMENTATION)
    assert len({one.key for one in (best, *others)}) == 3
