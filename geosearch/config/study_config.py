"""StudyFile: all sections of a study file, and checks across sections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, model_validator

from geosearch.config.regimes import HEADS, Regime, with_defaults
from geosearch.config.schema import (
    ConfirmSection,
    DomainSection,
    LimitsSection,
    PriceSection,
    RecipeSection,
    SearchSection,
    StudySection,
    TransportSection,
)
from geosearch.config.section import Section
from geosearch.errors import InvalidOptionError
from geosearch.mixture.baselines import FEWEST
from geosearch.nn.augmenter import AUGMENTATIONS
from geosearch.nn.networks import NETWORKS
from geosearch.search.fingerprint import BEFORE

SMALLEST_BUDGET = FEWEST + 1  # the baselines of every search, and one mixture that is searched


class StudyFile(Section):
    """A whole study file."""

    study: StudySection
    domain: DomainSection
    transport: TransportSection = Field(default_factory=TransportSection)
    search: SearchSection = Field(default_factory=SearchSection)
    limits: LimitsSection = Field(default_factory=LimitsSection)
    price: PriceSection = Field(default_factory=PriceSection)
    recipe: RecipeSection = Field(default_factory=RecipeSection)
    confirm: ConfirmSection = Field(default_factory=ConfirmSection)
    _folder: Path | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        return with_defaults(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _check_features(self) -> StudyFile:
        if problem := _features_problem(self):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _check_interpolation(self) -> StudyFile:
        asked = self.recipe.interpolation
        if list(asked) != sorted({*asked}) or any(not 0 <= one <= 1 for one in asked):
            raise ValueError(f"recipe.interpolation lists numbers from 0 to 1, ascending, got {list(asked)}")
        network = NETWORKS.build(self.recipe.network, self.recipe.settings)
        if asked and (not network.is_pretrained or self.recipe.settings["trainable"] == "head"):
            raise ValueError(
                "recipe.interpolation needs pretrained weights that are trained further; set recipe.network to e.g. "
                '"timm:tf_efficientnet_lite0" and recipe.trainable to "last", a number of stages or "all", or leave '
                "it out"
            )
        if self.recipe.keeps_features and (not network.is_pretrained or self.recipe.settings["trainable"] == "head"):
            raise ValueError(
                'recipe.features = "both" needs pretrained weights that are trained further; set recipe.network to '
                'e.g. "timm:tf_efficientnet_lite0" and recipe.trainable to "last", a number of stages or "all", or '
                "leave it out"
            )
        if problem := _union_problem(self):
            raise ValueError(problem)
        if self.recipe.adaptation == "auto" and not network.is_pretrained:
            raise ValueError(
                'recipe.adaptation = "auto" chooses a head for a pretrained network; set recipe.network to one, or '
                "take another adaptation"
            )
        if self.search.stop == "no-gain" and 0 not in asked:
            raise ValueError(
                "search.stop 'no-gain' compares with no pretraining, which is 0 in recipe.interpolation, got "
                f"{list(asked)}; add it, or set search.stop to 'never'"
            )
        return self

    @model_validator(mode="after")
    def _check_named_sources(self) -> StudyFile:
        for section, named in (("limits", self.limits.named), ("price", set(self.price.sources))):
            if unknown := sorted(named - set(self.domain.sources)):
                raise ValueError(f"{section} names {unknown}, which domain.sources does not list; write them as there")
        return self

    @model_validator(mode="after")
    def _check_shots(self) -> StudyFile:
        if self.search.leaves_out and self.domain.shots == 1:
            raise ValueError(
                f"search.objective '{self.search.objective}' leaves shots out and needs two of every class, got "
                "domain.shots = 1; raise it, or set search.objective to 'episodes'"
            )
        return self

    @model_validator(mode="after")
    def _check_loss(self) -> StudyFile:
        if self.recipe.loss and self.recipe.adaptation in _WITHOUT_LOSS:
            raise ValueError(
                f"recipe.loss = '{self.recipe.loss}' has no effect on recipe.adaptation = '{self.recipe.adaptation}'; "
                "leave it out, or take 'ridge', 'linear-probe' or 'fine-tune'"
            )
        return self

    @model_validator(mode="after")
    def _check_robust(self) -> StudyFile:
        if self.recipe.robust and self.recipe.adaptation != "prototypes":
            raise ValueError(
                f"recipe.robust = '{self.recipe.robust}' makes prototypes; set recipe.adaptation = \"prototypes\", or "
                "leave it out"
            )
        return self

    @model_validator(mode="after")
    def _check_augmentation(self) -> StudyFile:
        if self.recipe.augmentation == "learned" and self.recipe.objective:
            raise ValueError(
                'recipe.augmentation = "learned" learns from the loss of each image under the mixture\'s labels, and '
                f'recipe.objective = "{self.recipe.objective}" has another; leave one of them out'
            )
        return self

    @model_validator(mode="after")
    def _check_inner(self) -> StudyFile:
        if self.recipe.inner and self.recipe.objective != "episodic":
            raise ValueError(
                f"recipe.inner = '{self.recipe.inner}' is the head of episodes; set recipe.objective = \"episodic\", "
                "or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _check_hypergradient(self) -> StudyFile:
        if "hypergradient" not in (self.search.sampler, *self.confirm.controls):
            return self
        if self.recipe.objective:
            raise ValueError(
                "'hypergradient' (search.sampler, confirm.controls) weighs the cross-entropies of the sources and "
                f"cannot go with recipe.objective = '{self.recipe.objective}'; leave one of them out"
            )
        is_pretrained = NETWORKS.build(self.recipe.network, self.recipe.settings).is_pretrained
        if is_pretrained and self.recipe.settings["trainable"] == "head":
            raise ValueError(
                "'hypergradient' (search.sampler, confirm.controls) needs layers before the head that are trained; set "
                'recipe.trainable to "last", a number of stages or "all", or leave it out'
            )
        return self

    @model_validator(mode="after")
    def _check_earlier(self) -> StudyFile:
        if len(set(self.search.earlier)) < len(self.search.earlier):
            raise ValueError("search.earlier names a study twice; its evaluations would count twice, name it once")
        return self

    @model_validator(mode="after")
    def _check_teachers(self) -> StudyFile:
        asked = (("variants", "ensemble-teacher", "variant"), ("controls", "single-source-teachers", "control"))
        for key, name, kind in asked:
            if name in getattr(self.confirm, key) and self.recipe.adaptation != "self-train":
                raise ValueError(
                    f"confirm.{key} '{name}' needs recipe.adaptation = \"self-train\"; set it, or drop the {kind}"
                )
        return self

    @property
    def folder(self) -> Path | None:
        """The folder that the study file was read from; None if the settings are from elsewhere."""
        return self._folder

    def read_from(self, folder: Path) -> StudyFile:
        """The same study, read from a folder."""
        file = self.model_copy()
        file._folder = folder
        return file

    @property
    def storage(self) -> str:
        """Address of the study's database: `search.storage`, or its default."""
        return self.search.storage or f"sqlite:///studies/{self.study.name}.db"

    def require_budget(self) -> None:
        """Check that the budget is 0, for no search, or suffices for the baselines that no search goes without.

        Raises:
            InvalidOptionError: it does not.
        """
        if 0 < (evaluations := self.search.evaluations) < SMALLEST_BUDGET:
            raise InvalidOptionError(
                f"search.evaluations is {evaluations}, but a search needs {SMALLEST_BUDGET}: the {FEWEST} baselines "
                f"pooled union, projection, its cloud and one single source, and a mixture that is searched; "
                f"set it to {3 * FEWEST} or more, or to 0 for no search"
            )

    def with_search(self, **changes: Any) -> StudyFile:
        """The same study with other keys of [search]."""
        return self.model_copy(update={"search": self.search.model_copy(update=changes)})

    def with_adaptation(self, name: str) -> StudyFile:
        """The same study with another `recipe.adaptation`."""
        return self.model_copy(update={"recipe": self.recipe.model_copy(update={"adaptation": name})})

    @property
    def regime(self) -> str:
        """Which defaults the study has because of what it is, in one line; empty for a usual one."""
        return Regime.of(self.model_dump()).sentence

    @property
    def mixes_features(self) -> bool:
        """Whether images are mixed as activations at the cut of a pretrained network."""
        return self.transport.space == "features"

    @property
    def fine_tunes_mixtures(self) -> bool:
        """Whether the confirmation fine-tunes networks that were pretrained on mixtures, besides fitting heads to them.

        Not where the study asks for a ridge head, self-trained or not, on the pretrained features beside the trained
        ones: fine-tuned rows had 5 points more error than the answers of such studies (reports/photographs.md).
        """
        return not (self.recipe.keeps_features and self.recipe.adaptation in HEADS)

    @property
    def recolour(self) -> float:
        """`recipe.recolour`, or its default: 1 for images with three channels, 0 for images with one."""
        asked = self.recipe.recolour
        return float(self.domain.channels == 3) if asked is None else asked

    @property
    def free_settings(self) -> dict[str, dict[str, Any]]:
        """Section -> key -> value of [recipe] and [confirm] that no trial depends on."""
        stated = self.model_dump(mode="json", include={"recipe", "confirm"})
        return {
            section: {key: value for key, value in keys.items() if f"{section}.{key}" in _FREE}
            for section, keys in stated.items()
        }

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Every setting that the results of trials depend on, flat: 'section.key' -> value."""
        stated = {
            f"{section}.{key}": value
            for section, keys in self.model_dump(mode="json").items()
            for key, value in keys.items()
            if f"{section}.{key}" not in _FREE
        }
        kept = {key: value for key, value in stated.items() if key not in BEFORE or value != BEFORE[key]}
        return {**kept, "recipe.recolour": self.recolour}


def _union_problem(file: StudyFile) -> str:
    """Why more stages cannot be trained on all sources; empty if they can, or are not to be."""
    stages, trainable = file.recipe.settings["union_stages"], file.recipe.settings["trainable"]
    if not stages:
        return ""
    if not file.mixes_features or file.fine_tunes_mixtures:
        return (
            "recipe.union_stages trains more stages of a pretrained network than mixtures do, and fits heads to their "
            'features: it needs transport.space = "features", recipe.features = "both" and recipe.adaptation '
            f"{', '.join(map(repr, HEADS[:-1]))} or {HEADS[-1]!r}; set these, or leave recipe.union_stages out"
        )
    if file.limits != type(file.limits)():
        return "recipe.union_stages trains on all sources in equal shares, whatever [limits] says; leave one out"
    fewer = trainable if isinstance(trainable, int) else 1
    if not stages > fewer:
        return (
            f"recipe.union_stages = {stages} is to be more than the {fewer} of recipe.trainable; raise it, or leave it "
            "out"
        )
    return ""


def _features_problem(file: StudyFile) -> str:
    """What cannot go with activations in place of images; empty if all can."""
    transport, recipe = file.transport, file.recipe
    if not file.mixes_features:
        return 'recipe.views needs transport.space = "features"; set it, or leave recipe.views out' * bool(
            recipe.settings.get("views")
        )
    if not NETWORKS.build(recipe.network, recipe.settings).is_pretrained or recipe.settings["trainable"] == "all":
        return (
            'transport.space = "features" mixes activations before the part of a pretrained network that is trained; '
            'set recipe.network to e.g. "timm:tf_efficientnet_lite0" with recipe.trainable = "last", "head" or a '
            "number of stages, or "
            'transport.space to "pixels"'
        )
    if recipe.augmentation != AUGMENTATIONS.default:
        return (
            f'recipe.augmentation = "{recipe.augmentation}" needs images, and transport.space = "features" has '
            'activations; leave it out (recipe.views adds mirrored images and parts of them), or take "pixels"'
        )
    moved = [key for key in ("rotate", "scale", "translate", "crop", "flip") if getattr(recipe, key)]
    if moved or file.recolour:
        key = (moved or ["recolour"])[0]
        return (
            f'with transport.space = "features" there are no images to change: leave recipe.{key} out; recipe.views '
            "adds mirrored images and parts of them"
        )
    refused = (
        (transport.embedding not in _ON_ACTIVATIONS, f'transport.embedding = "{transport.embedding}"'),
        (transport.map == "neural", 'transport.map = "neural"'),
        (recipe.adaptation == "fixmatch", 'recipe.adaptation = "fixmatch"'),
        (recipe.objective == "rotated-classes", 'recipe.objective = "rotated-classes"'),
        *((name in file.confirm.controls, f'confirm.controls with "{name}"') for name in ("simclr", "fixmatch")),
    )
    for is_refused, what in refused:
        if is_refused:
            return f'{what} needs images, and transport.space = "features" has activations; take another, or "pixels"'
    return ""


_WITHOUT_LOSS = ("auto", "fixmatch", "prototypes", "rehearse", "self-train", "self-train-ridge")  # adaptations
_ON_ACTIVATIONS = ("backbone", "pca", "pixels")  # embeddings

_FREE = {
    "recipe.union_stages",
    "domain.root",
    "domain.download",
    "domain.on_damaged",
    "search.evaluations",
    "search.jobs",
    "search.storage",
    "search.stop",
    "confirm.seeds",
    "confirm.explain",
    "confirm.export",
    "confirm.folds",
    "confirm.repeats",
    "confirm.controls",
    "confirm.tuning",
    "confirm.variants",
}  # settings that may change between two runs of one study
