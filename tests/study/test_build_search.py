"""What a search judges mixtures by, from a target of one's own."""

from __future__ import annotations

import numpy as np
import pytest
from generators.studies import own_file

from geosearch.errors import DomainMismatchError
from geosearch.study import prepare
from geosearch.study.build_search import build_objective, check_judges
from geosearch.study.study import Study


def own_study(folder, cache, counts, **changes) -> Study:
    file = own_file(folder, counts, **changes)
    return Study.open(file, storage=f"sqlite:///{folder / 'own.db'}", cache=cache)


@pytest.mark.parametrize(("counts", "judge"), [((1, 1, 1, 1), True), ((2, 1, 1, 1), False)])
def test_a_search_does_not_see_the_images_that_judge(tmp_path, cache, counts, judge):
    """With one label a class and no test part these are the held-out images, under pseudo-labels."""
    study = own_study(tmp_path, cache, counts, search_objective="episodes")
    target = study.prepared.target
    assert target.is_judged_by_held_out == judge
    seen = {image.tobytes() for image in build_objective(study.file, study.prepared, cache).images.images}
    held_out = {image.tobytes() for image in target.held_out.images}
    assert bool(seen & held_out) != judge


@pytest.mark.parametrize(
    ("counts", "folds", "enough"),
    [((2, 2, 2, 2), 3, False), ((3, 2, 1, 1), 3, True), ((3, 2, 1, 1), 2, False), ((4, 1, 1, 1), 2, True)],
)
def test_labels_that_judge_alone_leave_two_of_a_class(tmp_path, cache, counts, folds, enough):
    changes = {"domain_unlabelled": None, "confirm_folds": folds, "search_evaluations": 0}
    study = own_study(tmp_path, cache, counts, **changes)
    target = study.prepared.target
    if enough:
        check_judges(study.file, target)
        assert study.run().judged_by
    else:
        with pytest.raises(DomainMismatchError, match=r"set domain\.unlabelled, or label more images"):
            study.run()


def test_maps_of_copies_know_no_image_that_distances_are_measured_to(tmp_path, cache, monkeypatch):
    given = []
    build = prepare.build_anchors
    monkeypatch.setattr(
        prepare, "build_anchors", lambda *sets, shots, **how: given.append(shots) or build(*sets, **how)
    )
    target = own_study(tmp_path, cache, (5, 4, 3, 3), domain_unlabelled=None).prepared.target
    (shots,) = given
    mapped = {image.tobytes() for image in shots.images}
    assert {*np.unique(shots.labels)} == {*range(4)}
    assert not mapped & {image.tobytes() for image in target.shots.images[target.rows["held_out"]]}
