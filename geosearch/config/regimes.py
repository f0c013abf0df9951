"""Regimes: which defaults suit a study, from what its file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_LIBRARIES = ("timm:", "torchvision:")
_NO_AUGMENTATION = {"rotate": 0.0, "scale": 0.0, "translate": 0.0, "recolour": 0.0}
INTERPOLATION = (0.0, 0.25, 0.5, 0.75, 1.0)  # 0: the pretrained weights as they are
ENDS = (0.0, 1.0)  # enough where the pretrained features are kept beside the trained ones
_CONTROLS = ("single-source", "joint-training")  # the others need networks of the single sources
HEADS = ("auto", "ridge", "self-train-ridge")  # they select their own penalty, so nothing is tuned
TAIL_STEPS, LONG_TAIL_STEPS = 50, 100  # of the search, and of finalists and confirmation
_PRETRAINED = {
    "weights": "pretrained",
    "weight_decay": 0.01,
    "precision": "bfloat16",  # half the time of float32 where a device has it
}
_TAIL = {  # for its time, among what tied on six sets of photographs, so no check of it (reports/photographs.md)
    "learning_rate": 2e-3,
    "steps": TAIL_STEPS,
    "long_steps": LONG_TAIL_STEPS,
}
STAGES_RATE = 3e-4  # of several; the better of two on three of these sets
_STAGES = {**_TAIL, "learning_rate": STAGES_RATE}
_PUBLISHED_ONLY = {"fine_tune_steps": 100}  # a tie with 200 for that network alone (reports/photographs.md)
_WHOLE = {"learning_rate": 1e-3, "steps": 150, "long_steps": 150}


@dataclass(frozen=True)
class Regime:
    """Defaults of a kind of study, in place of those of the schema.

    Attributes:
        sentence: what they are and why, in one line; empty for the schema's own.
        defaults: section -> key -> value.
    """

    sentence: str = ""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Regime:
        """The regime of a study file, as read.

        >>> data = {"recipe": {"network": "torchvision:resnet18"}}
        >>> Regime.of(data).defaults["transport"]["space"], Regime.of({}).sentence
        ('features', '')
        """
        recipe, transport = (_section(data, name) for name in ("recipe", "transport"))
        network = recipe.get("network")
        if not isinstance(network, str) or not network.startswith(_LIBRARIES):
            return cls()
        weights = recipe.get("weights") or "pretrained"
        trainable = recipe.get("trainable") or "last"
        space = transport.get("space") or ("pixels" if trainable == "all" else "features")
        in_space = "features" if space == "features" else "images"
        moves = {**_NO_AUGMENTATION, "flip": space != "features", "crop": 0.0 if space == "features" else 0.2}
        is_embedded = transport.get("embedding", "backbone") == "backbone"
        same = is_embedded and "backbone" not in transport
        usual = "both" if trainable not in ("head", "all") and weights != "random" else "trained"
        kept = recipe.get("features", usual) == "both"
        selects = recipe.get("adaptation", HEADS[0]) in HEADS
        training = {**_PRETRAINED, **_training(trainable)}
        controls = _section(data, "confirm").get("controls", _CONTROLS)
        has_usual_controls = isinstance(controls, list | tuple) and {*map(str, controls)} <= {*_CONTROLS}
        if kept and selects and usual == "both" and has_usual_controls:
            training |= _PUBLISHED_ONLY
        path = () if trainable == "head" else ENDS if kept else INTERPOLATION
        places = recipe.get("interpolation", path)
        # few labels judge all trainings alike: more of them tell little; four finalists keep two processes busy
        search: dict[str, Any] = {"repeats": 1, "finalists": 4}
        if isinstance(places, list | tuple) and 0 in places:
            search["stop"] = "no-gain"
        if _section(data, "domain").get("shots") != 1:
            search["objective"] = "leave-one-out"
        what = f"its last {trainable} stages are" if _are_stages(trainable) else _TRAINED.get(str(trainable))
        named = {"backbone": network, "weights": weights} if same else {}
        return cls(
            f"{network} is pretrained, for photographs in color: sets are mixed as its {in_space}, distances are "
            f"those of its features, {what} trained for {recipe.get('steps', training['steps'])} "
            f"steps in the search and {recipe.get('long_steps', training['long_steps'])} in the confirmation"
            + (
                ", without augmentation (recipe.views adds mirrored images and parts)"
                if space == "features"
                else ", with mirrored images and crops"
            )
            + ("; its pretrained features are kept beside the trained ones" if kept else "")
            if what
            else "",
            {
                "domain": {"size": 64, "channels": 3} | ({"pseudo_labels": "head"} if is_embedded else {}),
                "transport": {"space": space, "embedding": "backbone", **named},
                "recipe": {
                    **training,
                    **moves,
                    "trainable": trainable,
                    "features": usual,
                    "adaptation": "ridge" if recipe.get("loss") else "auto",
                    "interpolation": path,
                },
                "search": search,
                "confirm": {"controls": _CONTROLS} | ({"tuning": 0} if selects else {}),
            },
        )


def _training(trainable: object) -> Mapping[str, Any]:
    if _are_stages(trainable):
        return _STAGES
    return _WHOLE if trainable == "all" else _TAIL


def _are_stages(trainable: object) -> bool:
    """Whether it is a number of several stages."""
    return isinstance(trainable, int) and trainable > 1


_TRAINED = {
    "head": "a head alone is",
    "last": "its last stage is",
    "1": "its last stage is",
    "all": "all of it is",
}


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = data.get(name)
    return section if isinstance(section, Mapping) else {}


def with_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """A study file with the defaults of its regime where it leaves keys out."""
    filled = dict(data)
    for name, defaults in Regime.of(data).defaults.items():
        given = data.get(name, {})
        filled[name] = {**defaults, **given} if isinstance(given, Mapping) else given
    return filled
