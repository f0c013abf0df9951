"""Predictions of folders as they are: any depth, damaged files, other shapes; complete or absent."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from generators.models import labelled, trained_model
from PIL import Image

from geosearch.errors import InvalidDataError, OutputExistsError, UnknownDatasetError
from geosearch.model.prediction_file import COLUMNS, predict_images
from geosearch.runtime.events import ImagesPredicted


@pytest.fixture
def photos(tmp_path):
    """Five images at two depths, of several shapes and modes."""
    folder = tmp_path / "photos"
    (folder / "deep" / "er").mkdir(parents=True)
    images = labelled(1).images
    for number in range(3):
        Image.fromarray(images[number, ..., 0]).save(folder / f"{number}.png")
    Image.fromarray(np.repeat(images[3], 3, axis=-1)).resize((40, 30)).save(folder / "deep" / "wide.jpg")
    Image.fromarray(images[4, ..., 0]).convert("RGBA").save(folder / "deep" / "er" / "a,b.png")
    return folder


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_predicted_at_any_depth(photos, tmp_path):
    model, out = trained_model(), tmp_path / "predictions.csv"
    report = predict_images(model, photos, out)
    rows = rows_of(out)
    assert [row["file"] for row in rows] == ["0.png", "1.png", "2.png", "deep/er/a,b.png", "deep/wide.jpg"]
    assert tuple(rows[0]) == COLUMNS
    assert report.predicted == 5
    assert not report.passed
    expected = model.predict(labelled(1).images[:3])
    assert [row["class"] for row in rows[:3]] == expected.names
    assert [float(row["probability"]) for row in rows[:3]] == pytest.approx(expected.probabilities.max(1), abs=1e-4)
    for row in rows:
        assert row["class"] != row["runner_up"]
        assert float(row["probability"]) >= float(row["runner_up_probability"])
        assert row["is_unlike"] == str(int(float(row["unlike_target"]) > 1))


def test_what_cannot_be_read_is_passed_over_and_listed(photos, tmp_path):
    (photos / "broken.png").write_bytes(b"no image")
    (photos / "empty.png").touch()
    (photos / "link.png").symlink_to(photos / "nowhere.png")
    (photos / "notes.txt").write_text("no image, and none expected")
    out = tmp_path / "predictions.csv"
    report = predict_images(trained_model(), photos, out)
    assert report.predicted == 5
    assert {row["file"] for row in rows_of(report.unread_path)} == {"broken.png", "empty.png", "link.png"}
    assert "3 files could not be read" in report.text()
    (photos / "broken.png").unlink()
    (photos / "empty.png").unlink()
    (photos / "link.png").unlink()
    assert not predict_images(trained_model(), photos, out).unread_path.exists()


def test_one_file_an_array_and_a_specification(photos, tmp_path):
    model, out, images = trained_model(), tmp_path / "predictions.csv", labelled(1).images
    predict_images(model, photos / "1.png", out)
    assert [row["file"] for row in rows_of(out)] == ["1.png"]
    np.savez(tmp_path / "mine.npz", images=images)
    for place in (tmp_path / "mine.npz", f"npz:{tmp_path / 'mine.npz'}"):
        assert predict_images(model, place, out).predicted == len(images)
        assert [row["class"] for row in rows_of(out)] == model.predict(images).names
    assert predict_images(model, "digits", out).predicted == 1797


def test_any_number_of_images_goes_through_in_batches_with_progress(tmp_path, monkeypatch):
    monkeypatch.setattr("geosearch.data.loaders.image_stream._BATCH", 7)
    folder, events = tmp_path / "many", []
    folder.mkdir()
    images = labelled(1).images[:, ..., 0]
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03d}.png")

    class Listener:
        def event(self, event):
            events.append(event)

    model = trained_model()
    predict_images(model, folder, tmp_path / "out.csv", progress=Listener())
    done = [event.done for event in events if isinstance(event, ImagesPredicted)]
    assert done == sorted(done)
    assert done[-1] == len(images)
    assert [row["class"] for row in rows_of(tmp_path / "out.csv")] == model.predict(images).names


def test_progress_does_not_count_what_cannot_be_read_as_predicted(photos, tmp_path):
    (photos / "broken.png").write_bytes(b"no image")
    (photos / "link.png").symlink_to(photos / "nowhere.png")
    events = []
    listener = type("Listener", (), {"event": lambda self, event: events.append(event)})()
    predict_images(trained_model(), photos, tmp_path / "out.csv", progress=listener)
    told = [event for event in events if isinstance(event, ImagesPredicted)]
    assert str(told[-1]) == "predicted 5 of 7 images; 2 could not be read"
    assert told[-1].done == told[-1].total == 7


def test_an_image_that_is_nothing_like_the_target_is_flagged():
    model = trained_model()
    noise = np.random.default_rng(0).integers(0, 256, (50, 12, 12), np.uint8)
    assert model.predict(noise).is_unlike.mean() > 0.9


def test_earlier_predictions_are_replaced_and_other_files_are_not(photos, tmp_path):
    out = tmp_path / "labels.csv"
    out.write_text("file,label\n0.png,ash\n")
    with pytest.raises(OutputExistsError, match="does not hold earlier predictions"):
        predict_images(trained_model(), photos, out)
    assert out.read_text() == "file,label\n0.png,ash\n"
    out.unlink()
    predict_images(trained_model(), photos, out)
    assert predict_images(trained_model(), photos, out).predicted == 5


def test_bad_places_leave_no_file(tmp_path):
    model, out = trained_model(), tmp_path / "predictions.csv"
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "a.png").write_bytes(b"no image")
    with pytest.raises(InvalidDataError, match="has no image"):
        predict_images(model, tmp_path / "empty", out)
    with pytest.raises(InvalidDataError, match="none of 1 file can be read"):
        predict_images(model, tmp_path / "damaged", out)
    with pytest.raises(UnknownDatasetError):
        predict_images(model, tmp_path / "absent", out)
    assert not out.exists()


def test_an_interrupt_leaves_the_earlier_predictions(photos, tmp_path, monkeypatch):
    model, out = trained_model(), tmp_path / "predictions.csv"
    predict_images(model, photos, out)
    before = out.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("geosearch.model.trained_model.TrainedModel.predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_images(model, photos, out)
    assert out.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "predictions.csv"}
