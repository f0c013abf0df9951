"""Study files: what is wrong is said once, with the way out."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
from generators.studies import tiny, tiny_file, write_toml

from geosearch.config.build import build_embedding, build_recipe
from geosearch.config.read import expand, parse_study, read_study
from geosearch.config.reference import options_table
from geosearch.errors import InvalidOptionError
from geosearch.nn.backbones import Backbone

ROOT = Path(__file__).parents[2]


def refused(study) -> str:
    with pytest.raises(InvalidOptionError) as caught:
        parse_study(study, "study.toml")
    return str(caught.value)


def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path):
    said = refused(tiny(tmp_path, search_evaluatons=3))
    assert said == "study.toml: unknown key 'search.evaluatons'; did you mean 'search.evaluations'?"


def test_an_unknown_section_is_refused_with_the_nearest_known_one(tmp_path):
    assert "did you mean 'recipe'?" in refused({**tiny(tmp_path), "receipt": {}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"search_evaluations": "many"}, "'search.evaluations': expected a valid integer, got 'many'"),
        ({"search_evaluations": 2.5}, "'search.evaluations': expected a valid integer, got 2.5"),
        ({"confirm_explain": "yes"}, "'confirm.explain': expected a valid boolean, got 'yes'"),
        (
            {"recipe_network": "timm:resnet18", "recipe_trainable": "some"},
            "'recipe.trainable': expected 'head', 'last' or 'all', or a valid integer, got 'some'",
        ),
        ({"recipe_int": 3}, "unknown key 'recipe.int'"),
        ({"domain_shots": 0}, "'domain.shots': expected greater than or equal to 1, got 0"),
        ({"domain_channels": 2}, "'domain.channels': expected 1 or 3, got 2"),
        (
            {"search_sampler": "magic"},
            "'search.sampler': expected 'hull', 'cmaes', 'gp', 'hypergradient', 'random', 'regression' or 'tpe', "
            "got 'magic'",
        ),
        ({"study_name": "../evil"}, "'study.name': use the letters a-z"),
        ({"recipe_learning_rate": math.inf}, "'recipe.learning_rate': expected a finite number, got inf"),
        ({"search_earlier": ["one", "one"]}, "search.earlier names a study twice"),
        ({"domain_sources": ["digits"]}, "at least 2"),
        ({"domain_sources": ["digits", "digits"]}, "listed twice"),
    ],
)
def test_wrong_types_and_values_are_refused_by_name(tmp_path, change, said):
    assert said in refused(tiny(tmp_path, **change))


def test_a_target_among_its_sources_is_refused(tmp_path):
    study = tiny(tmp_path)
    study["domain"]["sources"].append(study["domain"]["target"])
    assert "is listed among its own sources" in refused(study)


def test_a_missing_target_is_named(tmp_path):
    study = tiny(tmp_path)
    del study["domain"]["target"]
    assert "'domain.target' is missing" in refused(study)


def test_a_missing_file_names_the_nearest_one(tmp_path):
    write_toml(tmp_path / "mnist.toml", tiny(tmp_path))
    with pytest.raises(InvalidOptionError, match=r"no such study file.*did you mean .*mnist.toml"):
        read_study(tmp_path / "minst.toml")


def test_a_link_that_leads_nowhere_is_said_and_never_suggested(tmp_path):
    (tmp_path / "mnist.toml").symlink_to("elsewhere/mnist.toml")
    with pytest.raises(InvalidOptionError, match=r"mnist.toml is a link to elsewhere/mnist.toml, which is not there"):
        read_study(tmp_path / "mnist.toml")
    with pytest.raises(InvalidOptionError, match="give the path of a study file"):
        read_study(tmp_path / "minst.toml")


def test_broken_toml_says_where(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("[study\nname = 3")
    with pytest.raises(InvalidOptionError, match=r"not valid TOML.*line 1"):
        read_study(path)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = write_toml(tmp_path / "study.toml", tiny(tmp_path))
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_study(path).study.name == "tiny"


def test_variables_are_expanded_in_paths_only(tmp_path, monkeypatch):
    monkeypatch.setenv("SOMEWHERE", "/data")
    assert expand("npz:${SOMEWHERE}/x.npz") == "npz:/data/x.npz"
    with pytest.raises(InvalidOptionError, match="NOWHERE_SET, which is not set"):
        expand("${NOWHERE_SET}/x")
    assert "use the letters" in refused(tiny(tmp_path, study_name="${SOMEWHERE}"))


def test_colour_images_are_recoloured_unless_the_file_says_otherwise(tmp_path):
    def recolour(**keys):
        file = parse_study(tiny(tmp_path, **keys))
        assert build_recipe(file).augmentation.recolour == file.fingerprint["recipe.recolour"]
        return file.recolour

    assert recolour() == 0
    assert recolour(domain_channels=3) == 1
    assert recolour(domain_channels=3, recipe_recolour=0.0) == 0
    assert recolour(recipe_recolour=0.5) == 0.5


def test_the_fingerprint_holds_what_numbers_depend_on_and_nothing_else(tmp_path):
    base = parse_study(tiny(tmp_path)).fingerprint
    free = parse_study(tiny(tmp_path, search_evaluations=99, search_jobs=7, search_storage="sqlite:///x.db"))
    assert free.fingerprint == base
    assert parse_study(tiny(tmp_path, recipe_steps=5)).fingerprint != base
    assert parse_study(tiny(tmp_path, study_seed=4)).fingerprint != base


def test_settings_survive_the_database(tmp_path):
    study = parse_study(tiny(tmp_path))
    assert parse_study(study.model_dump(mode="json")) == study


@pytest.mark.parametrize("path", sorted((ROOT / "studies").glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_study_files_are_valid(path, monkeypatch):
    monkeypatch.setenv("GEOSEARCH_DATA", "/data")
    assert read_study(path).study.name == tomllib.loads(path.read_text())["study"]["name"]


def test_the_options_table_of_the_docs_is_todays():
    assert (ROOT / "studies" / "OPTIONS.md").read_text().strip().endswith(options_table().strip()), (
        "run: geosearch options > studies/OPTIONS.md"
    )


def test_a_backbone_needs_its_weights(tmp_path):
    with pytest.raises(InvalidOptionError, match=r"needs transport\.weights"):
        tiny_file(tmp_path, transport_embedding="backbone")


def test_weights_are_a_file_or_a_name_of_torchvisions(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHTS", str(tmp_path))
    by_file = build_embedding(
        tiny_file(tmp_path, transport_embedding="backbone", transport_weights="${WEIGHTS}/r18.pth")
    )
    assert by_file.backbone == Backbone("torchvision:resnet18", f"{tmp_path}/r18.pth")
    by_name = build_embedding(tiny_file(tmp_path, transport_embedding="backbone", transport_weights="IMAGENET1K_V1"))
    assert by_name.backbone == Backbone("torchvision:resnet18", "IMAGENET1K_V1")


def test_weights_beside_the_study_file_are_found(tmp_path, monkeypatch):
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWORK", "resnet18")
    text = '[study]\nname = "a"\n[domain]\ntarget = "digits"\nsources = ["npz:a.npz", "npz:b.npz"]\nshots = 2\n'
    recipe = '[recipe]\nnetwork = "torchvision:resnet18"\nweights = "${NETWORK}.pth"\n'
    (folder / "a.toml").write_text(text + recipe)
    assert read_study(folder / "a.toml").recipe.weights == "resnet18.pth"
    (folder / "resnet18.pth").touch()
    assert read_study(folder / "a.toml").recipe.weights == str(folder / "resnet18.pth")
    (folder / "pretrained").mkdir()
    (folder / "a.toml").write_text(text + recipe.replace("${NETWORK}.pth", "pretrained"))
    assert read_study(folder / "a.toml").recipe.weights == "pretrained", "a name, whatever lies beside the file"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("~/sets", "{home}/sets"),
        ("npz:~/a.npz", "npz:{home}/a.npz"),
        ("sqlite:///~/a.db", "sqlite:///{home}/a.db"),
        ("journal:~/a.journal", "journal:{home}/a.journal"),
        ("npz:a~/b.npz", "npz:a~/b.npz"),
        ("~somebody/a", "~somebody/a"),
    ],
)
def test_the_home_folder_is_found_behind_a_prefix_too(text, meant):
    assert expand(text) == meant.format(home=Path.home())


def test_a_misspelt_key_of_a_group_is_told_with_what_is_close(tmp_path):
    study = tiny(tmp_path)
    study["limits"] = {"groups": [{"sources": study["domain"]["sources"], "capp": 0.5}]}
    with pytest.raises(InvalidOptionError, match=r"did you mean 'limits.groups.cap'"):
        parse_study(study)
