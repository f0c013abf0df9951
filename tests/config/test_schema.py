"""Keys of study files that may be written in more than one way."""

from __future__ import annotations

from generators.studies import tiny, tiny_file

from geosearch.config.read import parse_study


def test_a_number_of_test_images_may_still_be_called_test(tmp_path):
    study = tiny(tmp_path)
    del study["domain"]["test_size"]
    file = parse_study({**study, "domain": {**study["domain"], "test": 40}})
    assert (file.domain.test_size, file.domain.test) == (40, None)
    assert file == tiny_file(tmp_path)
