"""The command line: one clear message and exit code 2 for everything a user can get wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from generators.sets import blobs
from generators.studies import WHOLE, tiny, write_toml
from generators.training import train_briefly

import geosearch
from geosearch.cli.main import GROUPS, main
from geosearch.mixture.distillation import Condensation
from geosearch.nn import Recipe
from geosearch.pseudo_labels.ensemble import EnsembleLabelling

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    """Studies and reports are written below the working folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Run a command in this process -> (exit code, standard output, standard error)."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_main_job_from_a_study_file_to_mixture_and_report(run, tmp_path, monkeypatch):
    train_briefly(monkeypatch, Condensation, steps=20)
    train_briefly(monkeypatch, EnsembleLabelling, head=Recipe(steps=5))
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path, domain_pseudo_labels="ensemble", **WHOLE))
    code, out, err = run("search", path)
    assert code == 0
    assert sum(line.startswith("trial ") for line in err.splitlines()) >= 10
    assert "writing mixture and report" in err
    assert "10 of 10 evaluations done" in out
    assert "no pretraining" in out
    assert "retraining on" in out
    assert (tmp_path / "studies" / "tiny.db").exists()
    assert (tmp_path / "reports" / "tiny" / "index.html").exists()
    assert list((tmp_path / "studies" / "tiny").rglob("CARD.md"))
    assert "stage: model" in err
    assert "studies/tiny/model" in out
    assert (tmp_path / "studies" / "tiny" / "model" / "model.safetensors").exists()

    code, out, _ = run("status", "tiny", "--json")
    assert code == 0
    assert json.loads(out)["complete"] == 10

    code, out, _ = run("resume", "tiny", "--evaluations", "+2", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert sum(event["event"] == "trial" for event in events) == 2
    assert events[-1]["event"] == "done"

    code, out, _ = run("synthesize", "tiny", "--size", 15, "--format", "npz", "--out", "mine", "--trial", 0)
    assert code == 0
    assert (tmp_path / "mine" / "CARD.md").exists()

    code, out, _ = run("synthesize", "tiny", "--size", 30, "--condense", 2, "--format", "npz", "--out", "learned")
    card = (tmp_path / "learned" / "CARD.md").read_text()
    assert code == 0
    assert len(np.load("learned/learned.npz")["images"]) == 2 * len(np.load("learned/learned.npz")["class_names"])
    assert "2 for each class, learned from 30 images" in card
    assert "--size 30 --format npz --out DIR --condense 2" in card

    code, out, _ = run("report", "tiny", "--out", "page")
    assert code == 0
    assert Path(out.strip()).name == "index.html"


def test_a_study_without_a_search_runs_to_its_end(run, tmp_path):
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path, search_evaluations=0))
    code, out, err = run("search", path)
    assert code == 0
    assert "free answer, before any training: the projection's cloud" in err
    assert "without a search" in out
    code, out, _ = run("search", path, "--json")
    assert code == 0
    end = json.loads(out.splitlines()[-1])
    assert (end["event"], end["trial"], "free-answer" in end["mixture"]) == ("done", None, True)
    assert run("synthesize", "tiny", "--out", tmp_path / "more", "--size", 12)[0] == 0
    assert run("worker", "tiny")[0] == 0
    code, out, _ = run("resume", "tiny", "--evaluations", "+6")
    assert code == 0
    assert "6 of 6 evaluations done" in out
    code, _, err = run(
        "search", write_toml(tmp_path / "small.toml", tiny(tmp_path, search_evaluations=3, study_name="small"))
    )
    assert code == 2
    assert "set it to 12 or more, or to 0 for no search" in err


def test_check_says_what_is_needed_before_anything_is_trained(run, tmp_path):
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path))
    code, out, _ = run("check", path, "--json")
    said = json.loads(out)
    assert code == 0
    assert said["parts"] == {"shots": 3, "reference": 40, "held_out": 20, "test_size": 40}
    assert said["peak_bytes"] > 0
    assert said["wall_seconds"] > 0
    assert not (tmp_path / "studies").exists()


def test_check_counts_the_training_of_maps_and_spaces(run, tmp_path):
    plain = write_toml(tmp_path / "plain.toml", tiny(tmp_path))
    trained = write_toml(
        tmp_path / "trained.toml", tiny(tmp_path, transport_map="neural", transport_space="autoencoder")
    )
    without, within = (json.loads(run("check", path, "--json")[1])["wall_seconds"] for path in (plain, trained))
    assert within > without + 5


def test_domains_lists_what_can_be_loaded(run):
    code, out, _ = run("domains", "--json")
    specs = {entry["spec"] for entry in json.loads(out)}
    assert code == 0
    assert {"digits", "fonts/serif-greek", "torchvision:EMNIST"} <= specs


def test_distance_prints_value_parts_and_noise_floor(run, tmp_path):
    for i, name in enumerate(["a", "b"]):
        made = blobs(name, 4, 30, seed=i, size=12, shift=5 * i)
        np.savez(f"{name}.npz", images=made.images, labels=made.labels)
    code, out, _ = run("distance", "npz:a.npz", "npz:b.npz", "--samples", 50, "--size", 12, "--json")
    said = json.loads(out)
    assert code == 0
    assert said["otdd"] == pytest.approx(said["features"] + said["labels"])
    assert 0 < said["self_otdd_a"] < said["otdd"]
    assert said["peak_bytes"] > 0
    assert run("distance", "npz:a.npz", "npz:b.npz", "--samples", 50, "--labels", "exact")[0] == 0


def save(images, labels, **more):
    np.savez("target.npz", images=images, labels=labels, **more)


def bad(kind):
    """Write a target.npz that is wrong in one way."""
    good = blobs("good", 4, 40, size=12)
    images, labels = good.images[..., 0], good.labels
    wrong = {
        "one class": (images, labels * 0),
        "few images": (images[:9], np.array([0, 0, 0, 0, 0, 0, 0, 0, 1])),
        "gaps": (images, labels * 2),
        "negative": (images, labels - 1),
        "fractions": (images, labels + 0.5),
        "nan": (np.where(images > 100, np.nan, images / 255.0), labels),
        "infinite": (np.where(images > 100, np.inf, images / 255.0), labels),
        "empty": (images[:0], labels[:0]),
        "count": (images, labels[:-1]),
        "dimensions": (images.reshape(-1), labels),
    }
    save(*wrong[kind])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("one class", "one class"),
        ("few images", "fewer than 3 shots"),
        ("gaps", "never occur"),
        ("negative", "negative"),
        ("fractions", "class numbers"),
        ("nan", "NaN or infinite"),
        ("infinite", "NaN or infinite"),
        ("empty", "empty"),
        ("count", "labels"),
        ("dimensions", "expected images of shape"),
    ],
)
def test_a_bad_target_is_refused_in_one_message(run, tmp_path, kind, said):
    study = tiny(tmp_path)
    bad(kind)
    path = write_toml(tmp_path / "tiny.toml", study)
    code, out, err = run("search", path)
    assert code == 2
    assert out == ""
    assert said in err
    assert err.splitlines()[-1].startswith("geosearch: ")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "nothing.toml"), "no such study file"),
        (("search", "nothing"), "no study 'nothing'"),
        (("status", "nothing"), "no study 'nothing'"),
        (("distance", "digits", "digts"), "did you mean"),
        (("distance", "digits", "npz:nothing.npz"), "nothing.npz"),
        (("distance", "fonts/sans-digitz", "digits"), "fonts/sans-digits"),
        (("status", "postgresql://me:secret@127.0.0.1:1/x"), "postgresql://me:***@127.0.0.1:1/x"),
    ],
)
def test_what_does_not_exist_is_named_with_the_way_out(run, arguments, said):
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err
    assert "secret" not in err


@pytest.mark.parametrize("command", [("status",), ("status", "--json"), ("report",), ("synthesize", "--out", "mine")])
def test_who_looks_at_a_study_does_not_begin_it(run, tmp_path, command):
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(command[0], path, *command[1:])
    assert (code, out) == (2, "")
    assert "the study 'tiny' has no database" in err
    assert "geosearch search" in err
    assert sorted(tmp_path.rglob("*")) == before


def test_mixed_shapes_and_pickles_are_refused(run, tmp_path):
    study = tiny(tmp_path)
    mixed = np.empty(2, dtype=object)
    mixed[0], mixed[1] = np.zeros((3, 3)), np.zeros((4, 4))
    np.savez("target.npz", images=mixed, labels=np.array([0, 1]))
    code, _, err = run("search", write_toml(tmp_path / "tiny.toml", study))
    assert code == 2
    assert "pickle" in err.lower() or "object" in err.lower() or "mixes" in err


def test_an_output_folder_that_is_not_empty_is_left_alone(run, tmp_path):
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path, search_evaluations=0, confirm_seeds=1))
    assert run("search", path)[0] == 0
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "mine.txt").write_text("precious")
    code, _, err = run("synthesize", "tiny", "--out", "full")
    assert code == 2
    assert "full" in err
    assert [p.name for p in folder.iterdir()] == ["mine.txt"]


def test_a_full_disk_is_one_message_and_the_study_goes_on_later(run, tmp_path, monkeypatch):
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path, search_evaluations=7, confirm_seeds=1))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("geosearch.runtime.cache.os.fsync", full)
    monkeypatch.setenv("GEOSEARCH_CACHE", str(tmp_path / "own-cache"))
    code, _, err = run("search", path)
    assert code == 2
    assert "No space left on device" in err
    assert not list((tmp_path / "own-cache").rglob("*.part"))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEOSEARCH_CACHE", str(tmp_path / "own-cache"))
    assert run("search", path)[0] == 0


HELP = "import sys; from geosearch.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"


def test_help_imports_nothing_heavy():
    shown = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert not {"torch", "optuna", "matplotlib", "numpy", "pydantic"} & set(shown.stderr.split())


def test_help_lists_every_command_in_a_group(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert all(group in out for group in GROUPS)
    assert all(f" {command.__name__} " in out for commands in GROUPS.values() for command in commands)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", [command.__name__ for commands in GROUPS.values() for command in commands])
def test_every_command_explains_itself(run, monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: geosearch {command}" in out
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "missing command; see 'geosearch --help'"),
        (("serch", "x.toml"), "no such command 'serch'. Did you mean 'search'? See 'geosearch --help'"),
        (("--bogus",), "no such option: --bogus; see 'geosearch --help'"),
        (("search",), "give a study, or --target and at least two --source; see 'geosearch search --help'"),
        (("search", "x.toml", "--workrs", "2"), "no such option: --workrs (Possible options: --workers); see"),
        (("search", "x.toml", "y.toml"), "unexpected extra argument"),
        (("search", "x.toml", "--workers", "0"), "greater than or equal to 1"),
        (("search", "x.toml", "--workers", "2", "--parallel", "ray"), "cannot be combined"),
        (("resume", "x", "--evaluations", "-3"), "expected a whole number of at least 1, got '-3'"),
        (("synthesize", "x"), "missing option '--out'"),
        (("synthesize", "x", "--out", "y", "--best", "--trial", "1"), "cannot be combined"),
        (("distance", "a", "b", "--labels", "exat"), "'exat' is not one of 'gaussian', 'exact', 'means'"),
        (("distance", "a", "b", "--channels", "2"), "'2' is not one of '1', '3'"),
        (("distance", "a", "b", "--seed", "x"), "valid integer"),
    ],
)
def test_arguments_that_do_not_parse_are_one_line_and_exit_code_2(run, arguments, said):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("geosearch: ")
    assert said in err
    assert err.count("\n") == 1


def test_version(run):
    assert run("--version") == (0, f"geosearch {geosearch.__version__}\n", "")


def test_the_log_can_be_seen(run, tmp_path):
    """With --json the events are on standard output, and with --verbose the log is on standard error."""
    path = write_toml(tmp_path / "tiny.toml", tiny(tmp_path, search_evaluations=7, confirm_seeds=1))
    code, out, err = run("search", path, "--json", "--verbose")
    assert code == 0
    assert [json.loads(line)["event"] for line in out.splitlines()].count("trial") == 7
    assert len(re.findall(r"^\d\d:\d\d:\d\d geosearch: trial \d+ \(.*squared error", err, re.M)) == 7
    code, out, err = run("search", path, "--json")
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("request_", "code", "advice"),
    [
        (("search", "tiny.toml"), 130, "run the same command again to continue"),
        (("search", "tiny.toml", "--force-new"), 130, "run it again without --force-new to continue"),
        (("resume", "tiny.toml", "--evaluations", "+2"), 130, "'geosearch resume tiny.toml', without --evaluations,"),
    ],
)
def test_an_interrupted_run_says_how_to_continue(run, tmp_path, monkeypatch, request_, code, advice):
    write_toml(tmp_path / "tiny.toml", tiny(tmp_path))

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("geosearch.study.study.prepare", stop)
    ended, _, err = run(*request_)
    assert ended == code
    assert advice in err


def too_much_for_numpy() -> None:
    np.empty(1 << 58)


def too_much_for_torch() -> None:
    torch.empty(1 << 58)


def too_much_for_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


@pytest.mark.parametrize("allocate", [too_much_for_numpy, too_much_for_torch, too_much_for_a_gpu])
def test_a_machine_that_runs_out_of_memory_before_the_first_trial_is_told_so(run, tmp_path, monkeypatch, allocate):
    monkeypatch.setattr("geosearch.study.study.prepare", lambda *_, **__: allocate())
    code, _, err = run("search", write_toml(tmp_path / "tiny.toml", tiny(tmp_path)))
    assert code == 2
    assert err.startswith("geosearch: the machine ran out of memory; lower domain.size")


def test_an_error_of_our_own_is_not_taken_for_want_of_memory(run, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("geosearch.study.study.prepare", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run("search", write_toml(tmp_path / "tiny.toml", tiny(tmp_path)))
