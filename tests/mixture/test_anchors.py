"""Anchors: aligned with the reference, made of the source's own images, solved once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.embeddings.pixels import Pixels
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.mapped_source import AnchorOptions
from geosearch.transport.distance import otdd
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.maps import barycentric
from geosearch.transport.maps.entropic import Entropic


def as_rows(images):
    return {image.tobytes() for image in images}


def test_an_exact_plan_blurs_nothing_and_uses_every_source_image(anchors, parts):
    _, sources = parts
    for anchored, source in zip(anchors.sources, sources, strict=True):
        assert as_rows(anchored.images) == as_rows(source.images)
        assert set(np.unique(anchored.labels)) <= {0.0, 1.0}
        np.testing.assert_allclose(anchored.labels.sum(axis=1), 1)


def test_replicas_cover_a_source_that_is_larger_than_the_reference(anchors):
    n = len(anchors.reference)
    assert [len(source.images) // n for source in anchors.sources] == [1, 2, 1]


def test_the_plans_value_is_the_otdd(anchors, parts):
    reference, sources = parts
    assert anchors.sources[0].otdd_to_target == pytest.approx(otdd(reference, sources[0]).value, rel=1e-6)


def test_a_second_call_reads_the_plans_from_disk(parts, cache, monkeypatch):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    first = build_anchors(reference, sources, encoder, cache=cache)
    monkeypatch.setattr(barycentric, "solve", lambda *_: (_ for _ in ()).throw(AssertionError("solved twice")))
    again = build_anchors(reference, sources, encoder, cache=cache)
    assert again.key == first.key
    assert isinstance(again.sources[0].images, np.memmap)
    np.testing.assert_array_equal(again.sources[1].images, first.sources[1].images)


def test_a_changed_source_alone_is_solved_again(parts, cache, monkeypatch):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    build_anchors(reference, sources, encoder, cache=cache)
    solved = []
    real = barycentric.solve
    monkeypatch.setattr(barycentric, "solve", lambda *arguments: (solved.append(1), real(*arguments))[1])
    changed = replace(sources[2], images=255 - sources[2].images)
    build_anchors(reference, [*sources[:2], changed], encoder, cache=cache)
    assert len(solved) == 1


def test_permuting_sources_permutes_anchors(parts, cache):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    forth = build_anchors(reference, sources, encoder, cache=cache)
    back = build_anchors(reference, sources[::-1], encoder, cache=cache)
    for one, other in zip(forth.sources, back.sources[::-1], strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        assert one.otdd_to_target == other.otdd_to_target


def test_jobs_change_no_number(parts, cache, tmp_path):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    alone = build_anchors(reference, sources, encoder, cache=cache)
    together = build_anchors(reference, sources, encoder, cache=type(cache)(tmp_path / "other"), jobs=3)
    np.testing.assert_array_equal(alone.sources[0].z, together.sources[0].z)


def test_on_the_reference_the_maps_give_the_anchors_again(anchors):
    again = anchors.map_target(anchors.reference)
    for one, other in zip(anchors.sources, again.sources, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_allclose(one.labels, other.labels, atol=1e-6)


def test_on_new_target_images_the_maps_go_on(anchors, parts):
    new = blobs("target", 4, 5, seed=99)
    moved = anchors.map_target(new)
    for anchored, source in zip(moved.sources, parts[1], strict=True):
        assert len(anchored.images) % len(new) == 0
        assert as_rows(anchored.images) <= as_rows(source.images)  # an unregularised plan continues without blur
        np.testing.assert_allclose(anchored.labels.sum(axis=1), 1, atol=1e-5)


def test_a_class_that_is_never_guessed_has_its_law_from_its_shots(parts, cache):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    shots = reference.take(np.flatnonzero(reference.labels == 3)[:5])
    lacking = reference.take(np.flatnonzero(reference.labels != 3))
    without = build_anchors(lacking, sources, encoder, cache=cache)
    given = build_anchors(lacking, sources, encoder, shots=shots, cache=cache)
    whole = build_anchors(reference, sources, encoder, shots=shots, cache=cache)
    gap = [np.linalg.norm(one.target_vectors[3] - one.target_vectors[:3].mean(0)) for one in (given, whole)]
    assert gap[0] == pytest.approx(gap[1], rel=0.3)
    assert given.key != without.key
    assert whole.key == build_anchors(reference, sources, encoder, cache=cache).key


def test_a_class_that_is_guessed_less_often_than_it_has_shots_is_not_one_image(parts, cache):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    last = np.flatnonzero(reference.labels == 3)
    shots, once = reference.take(last[1:6]), np.flatnonzero(reference.labels != 3)
    lacking = reference.take(np.append(once, last[0]))
    given = build_anchors(lacking, sources, encoder, shots=shots, cache=cache)
    alone = build_anchors(lacking, sources, encoder, cache=cache)
    whole = build_anchors(reference, sources, encoder, shots=shots, cache=cache)

    def spread(anchors):
        return np.square(anchors.target_vectors[3] - anchors.target_vectors[:3]).sum(1).mean()

    assert abs(spread(given) - spread(whole)) < abs(spread(alone) - spread(whole))
    assert len(given.reference) == len(lacking)


def test_another_map_is_another_anchor(parts, cache):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    plan = build_anchors(reference, sources, encoder, cache=cache)
    smooth = build_anchors(reference, sources, encoder, options=AnchorOptions(map=Entropic()), cache=cache)
    assert plan.key != smooth.key
    assert all(len(source.images) == len(reference) for source in smooth.sources)
    assert smooth.sources[0].otdd_to_target == pytest.approx(plan.sources[0].otdd_to_target, rel=0.3)  # blurred


def test_what_is_known_of_the_sources_alone_serves_other_targets(parts, cache):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    options = AnchorOptions(labels=(distances := _Counted()))
    build_anchors(reference, sources, encoder, options=options, cache=cache)
    c, m = len(reference.classes), sum(len(source.classes) for source in sources)
    assert (m, None) in distances.asked
    distances.asked.clear()
    other = replace(reference, images=255 - reference.images)
    found = build_anchors(other, sources, encoder, options=options, cache=cache)
    assert (m, None) not in distances.asked
    assert {(c, None), (m, c)} <= {*distances.asked}
    fresh = build_anchors(other, sources, encoder, cache=type(cache)(cache.folder / "fresh"))
    np.testing.assert_array_equal(found.source_vectors, fresh.source_vectors)
    np.testing.assert_array_equal(found.target_vectors, fresh.target_vectors)


class _Counted(GaussianLabels):
    """Keeps how many classes it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "asked", [])

    def table(self, groups, others=None):
        self.asked.append((len(groups), None if others is None else len(others)))
        return super().table(groups, others)
