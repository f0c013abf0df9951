"""The sections of a study file: every key, its default, its range, its meaning."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.loss import LOSSES
from geosearch.adaptation.prototypes import ROBUST
from geosearch.config.section import Section
from geosearch.confirmation.controls import CONTROLS
from geosearch.confirmation.variants import VARIANTS
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.mixture.label_spaces.base import LABEL_SPACES
from geosearch.mixture.spaces.base import SPACES
from geosearch.nn.augmenter import AUGMENTATIONS
from geosearch.nn.networks import NETWORKS
from geosearch.nn.schedule import SCHEDULES
from geosearch.nn.weight_averaging import AVERAGINGS
from geosearch.pretraining.hypergradient import HYPERGRADIENTS
from geosearch.pretraining.objective import INNERS, OBJECTIVES
from geosearch.pseudo_labels.base import PSEUDO_LABELLERS, TARGET_LABELLINGS
from geosearch.runtime.registry import Choice
from geosearch.search.samplers.registry import SAMPLERS
from geosearch.transport.label_distances.base import LABEL_DISTANCES
from geosearch.transport.maps.base import MAPS
from geosearch.transport.solvers.base import SOLVERS

One = TypeVar("One")
Listed = Annotated[tuple[One, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class StudySection(Section):
    """[study]"""

    name: str = Field(description="Name of the study; its database, mixture and report are named after it.")
    seed: int = Field(0, ge=0, description="Fixes every random draw of the study.")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(
                "use the letters a-z, A-Z, digits, '.', '_' and '-', 64 at most, starting with a letter or digit; "
                "names of data sets may have letters of every script"
            )
        return name


class DomainSection(Section):
    """[domain]"""

    choices: ClassVar[tuple[Choice[Any], ...]] = (TARGET_LABELLINGS, PSEUDO_LABELLERS, LABEL_SPACES)

    target: str = Field(description="The set to do well on, e.g. 'digits', 'npz:PATH', 'torchvision:MNIST'.")
    sources: Listed[str] = Field(
        min_length=2, description="Data sets to pretrain on, at least two, none of them the target."
    )
    unlabelled: str | None = Field(
        None,
        description="Images of the target without labels: a folder of images at any depth (`imagefolder:PATH`), an npz "
        "file of images only, or any other set, whose labels are not read. Left out: those that "
        "the target itself has; if it has none, augmented copies of the labelled ones.",
    )
    test: str | None = Field(
        None,
        description="Test set of the target: a specification. Left out: the target's own test part, if it has one.",
    )
    shots: int | None = Field(
        None,
        ge=1,
        description="Benchmark mode: hide the labels of a fully labelled target but so many per class, and cut a test "
        "part off it unless it has one. Left out: all labels of the target are used, as many of each class as there "
        "are, and no test part is cut off.",
    )
    size: int = Field(28, ge=8, le=256, description="Height and width that all images are resized to, pixels.")
    channels: Literal[1, 3] = Field(1, description="1: gray; 3: color.")
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop",
        description="How images that are not square become so: 'crop' takes the square in their middle, 'pad' adds a "
        "border in the color of their own, 'stretch' changes their aspect ratio.",
    )
    reference: int = Field(
        1000,
        ge=20,
        description="Unlabelled target images maps are built from, at most; c / 50 times as many for c > 50 classes.",
    )
    held_out: int = Field(
        400,
        ge=20,
        description="Unlabelled target images kept from maps, for distances, at most; c / 50 times as many for c > 50 "
        "classes.",
    )
    test_size: int = Field(2000, ge=20, description="Test images of the target for the confirmation, at most.")
    samples: int = Field(4000, ge=20, description="Images taken from each source, at most, evenly over classes.")
    pseudo_labels: str = TARGET_LABELLINGS.default
    balance: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How far pseudo-labels are drawn towards equally frequent classes, by networks that label the "
        "reference and in self-training, and how far classes count alike where cross-validation chooses a head: 1 "
        "where classes are known to be equally frequent, 0 where some are rare. The default was chosen on mnist, usps, "
        "fashion_mnist, kmnist and az_letters (reports/transfer/self-training.md).",
    )
    pseudo_labeller: str | None = None
    label_space: str = LABEL_SPACES.default
    margin: Literal["keep", "match"] = Field(
        "keep", description="'match' pads sets that fill their frame to the target's margin."
    )
    polarity: Literal["keep", "light-on-dark"] = Field(
        "keep", description="'light-on-dark' inverts sets that are dark on light."
    )
    on_damaged: Literal["skip", "refuse"] = Field(
        "skip",
        description="Image files that cannot be read: 'skip' leaves them out and lists them, up to one in 20 of a "
        "class; 'refuse' none.",
    )
    root: str | None = Field(None, description="Folder of torchvision's data sets; one in the cache if left out.")
    download: bool = Field(False, description="Let torchvision download what is missing.")

    @property
    def collection(self) -> dict[str, Any]:
        """What `load_collection` asks for, but the seed and the labelling."""
        keys = {"target", "unlabelled", "test", "sources", "size", "channels", "samples", "margin", "polarity"}
        return self.model_dump(include=keys | {"fit", "root", "download", "on_damaged"})

    @model_validator(mode="before")
    @classmethod
    def _read_test(cls, given: Any) -> Any:
        """A whole number as `test` is the number of test images, as in study files before there were test sets."""
        if not isinstance(given, dict) or not isinstance(size := given.get("test"), int) or isinstance(size, bool):
            return given
        if "test_size" in given:
            raise ValueError(f"test = {size} and test_size say the same; test_size alone will do, or test names a set")
        return {key: value for key, value in given.items() if key != "test"} | {"test_size": size}

    @model_validator(mode="after")
    def _check_sources(self) -> DomainSection:
        if self.target in self.sources:
            raise ValueError(f"the target {self.target!r} is listed among its own sources; take it out")
        twice = sorted({source for source in self.sources if self.sources.count(source) > 1})
        if twice:
            raise ValueError(f"sources {twice} are listed twice; list each once")
        return self


class TransportSection(Section):
    """[transport]"""

    choices: ClassVar[tuple[Choice[Any], ...]] = (EMBEDDINGS, LABEL_DISTANCES, MAPS, SOLVERS, SPACES)

    embedding: str = EMBEDDINGS.default
    label_distance: str = LABEL_DISTANCES.default
    map: str = MAPS.default
    solver: str = SOLVERS.default
    space: str = SPACES.default
    feature_weight: float = Field(1.0, ge=0, description="Weight of the features in the ground cost.")
    label_weight: float = Field(1.0, ge=0, description="Weight of the label distance in the ground cost.")

    @model_validator(mode="after")
    def _check_weights(self) -> TransportSection:
        if self.embedding == "backbone" and self.settings.get("weights", "") is None:
            raise ValueError(
                'embedding = "backbone" needs transport.weights: a file with a state dict, "pretrained", or e.g. '
                '"IMAGENET1K_V1"'
            )
        return self


class SearchSection(Section):
    """[search]"""

    choices: ClassVar[tuple[Choice[Any], ...]] = (SAMPLERS, HYPERGRADIENTS)

    evaluations: int = Field(
        24,
        ge=0,
        description="Mixtures that are trained, baselines included, which take at most a third, but are four at least; "
        "0: no search, the projection's cloud is confirmed and written out.",
    )
    objective: Literal["episodes", "shots", "leave-one-out"] = Field(
        "episodes",
        description="How a mixture is evaluated. 'episodes': the error of a ridge head, over many draws of as many "
        "shots among all pseudo-labelled images; 'shots': the adaptation's own cross-validated error on the true "
        "shots; 'leave-one-out': the error of a ridge head on the true shots, whatever the adaptation. Left out: "
        "'leave-one-out' for a pretrained network, unless domain.shots is 1; else 'episodes'.",
    )
    stop: Literal["never", "no-gain"] = Field(
        "never",
        description="'no-gain' ends a search of one process after the baselines if none of them is better than no "
        "pretraining by two standard errors, paired over the labels; needs 0 in recipe.interpolation, and is the "
        "default for a pretrained network. The answer is then that of recipe.union_stages unless the labels "
        "are clearly against it; without it no pretraining, or the pooled union with recipe.features = "
        '"both". A larger budget goes on.',
    )
    sampler: str = SAMPLERS.default
    hypergradient: str = HYPERGRADIENTS.default
    earlier: Listed[str] = Field(
        (),
        description="Studies of other targets over the same sources (names, databases, addresses), whose evaluations "
        "the samplers 'hull' and 'hypergradient' start from: the errors that they predict are cheap scores, whose "
        "weights the surrogate learns.",
    )
    batch: int = Field(
        2,
        ge=1,
        description="Proposals per round of a single process, evaluated side by side; the results depend on "
        "it. Several workers have no rounds.",
    )
    jobs: int = Field(2, ge=1, description="Number of processes; the results do not depend on it.")
    proxy_samples: int = Field(400, ge=20, description="Held-out points of the proxy, at most.")
    finalists: int = Field(5, ge=1, description="Best trials that are trained with the long recipe, in a race.")
    repeats: int = Field(
        3,
        ge=1,
        description="Budget of long trainings, per finalist; a race spends them on the best ones.",
    )
    storage: str | None = Field(
        None,
        description="Database address: `sqlite:///PATH`, `journal:PATH`, `postgresql://USER:PASSWORD@HOST/NAME` or "
        "`grpc://HOST:PORT`; sqlite:///studies/<name>.db if left out.",
    )

    @property
    def leaves_out(self) -> bool:
        """Whether the objective leaves labelled images out, so that some class needs two."""
        return self.objective != "episodes"


class GroupSection(Section):
    """[[limits.groups]]"""

    sources: Listed[str] = Field(min_length=1, description="Sources as in domain.sources, e.g. of one license.")
    cap: float = Field(ge=0, le=1, description="Largest weight of all of them together.")


class LimitsSection(Section):
    """[limits]"""

    floors: dict[str, float] = Field({}, description='Source -> least weight, e.g. `{ "npz:own.npz" = 0.1 }`.')
    caps: dict[str, float] = Field({}, description="Source -> largest weight.")
    groups: Listed[GroupSection] = Field(
        (), description='Caps on sources together, e.g. `[{ sources = ["digits", "npz:own.npz"], cap = 0.3 }]`.'
    )
    most: int | None = Field(None, ge=1, description="Largest number of sources in a mixture.")

    @property
    def named(self) -> set[str]:
        """Every source that some limit is about."""
        return {*self.floors, *self.caps, *(name for group in self.groups for name in group.sources)}


class PriceSection(Section):
    """[price]"""

    sources: dict[str, float] = Field(
        {},
        description="Source -> price of one of its images in a unit of your own (money, bytes, hours); 0 if left out. "
        "Then half of the proposals of the samplers 'hull', 'hypergradient', 'cmaes' and 'regression' look for "
        "mixtures that are cheaper at little more error.",
    )

    @field_validator("sources")
    @classmethod
    def _check_prices(cls, prices: dict[str, float]) -> dict[str, float]:
        if wrong := {source: price for source, price in prices.items() if not 0 <= price < math.inf}:
            raise ValueError(f"prices must be numbers from 0 upwards, got {wrong}")
        return prices


class RecipeSection(Section):
    """[recipe]"""

    choices: ClassVar[tuple[Choice[Any], ...]] = (
        NETWORKS,
        SCHEDULES,
        AVERAGINGS,
        ADAPTATIONS,
        LOSSES,
        ROBUST,
        OBJECTIVES,
        INNERS,
        AUGMENTATIONS,
    )

    network: str = NETWORKS.default
    steps: int = Field(300, ge=1, description="Pretraining steps of a trial (short recipe).")
    long_steps: int = Field(1000, ge=1, description="Pretraining steps of finalists, confirmation and ensemble.")
    batch: int = Field(64, ge=2, le=65536, description="Images per pretraining step.")
    learning_rate: float = Field(
        1e-2, gt=0, description="Peak learning rate of pretraining; 2e-3 suits vgg and resnet18."
    )
    weight_decay: float = Field(0.1, ge=0, description="Decoupled weight decay.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of each soft label spread over all classes.")
    schedule: str = SCHEDULES.default
    averaging: str = AVERAGINGS.default
    early_stop: int = Field(
        0, ge=0, description="End a training after so many steps without a lower loss; 0 never. For constant rates."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Of the products in trainings; bfloat16 is 1.3 to 2 times faster. A device without instructions "
        "for it computes in float32.",
    )
    interpolation: Listed[float] = Field(
        (),
        description="Coefficients between the pretrained weights (0, no pretraining) and the trained ones (1) at which "
        "each trained network is scored; of those within one standard error of the least error, the smallest is the "
        'mixture\'s, the largest with recipe.features = "both". Left out: for a pretrained network 0 to 1 in steps of '
        '0.25, 0 and 1 with "both"; else only the trained one.',
    )
    compiled: bool = Field(False, description="Compile networks with torch.compile; pays in long trainings on a GPU.")
    objective: str | None = OBJECTIVES.default
    inner: str | None = INNERS.default
    adaptation: str = ADAPTATIONS.default
    loss: str | None = LOSSES.default
    robust: str | None = ROBUST.default
    unlabelled: int = Field(
        5000,
        ge=0,
        description="Unlabelled target images of self-training, at most; never less than the reference, the held-out "
        "ones last. The default was chosen on the five sets of domain.balance.",
    )
    augmentation: str = AUGMENTATIONS.default
    rotate: float = Field(10.0, ge=0, le=180, description="Augmentation: largest rotation, degrees.")
    scale: float = Field(0.15, ge=0, lt=1, description="Augmentation: largest relative change of size.")
    translate: float = Field(0.1, ge=0, lt=1, description="Augmentation: largest shift, fraction of the frame.")
    crop: float = Field(0.0, ge=0, lt=1, description="Augmentation: largest share of the side that is cut away.")
    flip: bool = Field(False, description="Augmentation: mirror; never for digits or letters.")
    recolour: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Augmentation: how far black and white may move in every channel. Left out: 1 where images have "
        "three channels, 0 where they have one. On photographs 0 is better.",
    )
    device: Literal["cpu", "cuda", "auto"] = Field(
        "auto",
        description="Where networks are trained; those of source-classifier and autoencoder are small, and always on "
        "the CPU.",
    )

    @property
    def keeps_features(self) -> bool:
        """Whether the pretrained features are kept beside the trained ones."""
        return bool(self.settings["features"] == "both")


class ConfirmSection(Section):
    """[confirm]"""

    choices: ClassVar[tuple[Choice[Any], ...]] = (CONTROLS, VARIANTS)

    seeds: int = Field(5, ge=1, le=100, description="Times that every row of the confirmation is retrained.")
    tuning: int = Field(
        8,
        ge=0,
        le=1000,
        description="Settings of the adaptation that are tried by cross-validation on the shots, once for pretrained "
        "networks and once for no pretraining. With 0, with one shot of each class, and in folds nothing is tuned: a "
        "pretrained recipe.network is adapted as [recipe] says, any other with settings that did well on kmnist, "
        "fashion_mnist, usps and az_letters.",
    )
    folds: int = Field(
        5,
        ge=2,
        le=20,
        description="Without a test part: parts of the labels; each judges what the others gave (cross-fitting).",
    )
    repeats: int = Field(1, ge=1, le=20, description="Without a test part: times that the labels are divided anew.")
    hold_out: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="Share of the labels of every class that is set aside before anything looks at them, as the test "
        "part, in place of cross-fitting.",
    )
    explain: bool = Field(
        True, description="Train the best mixture once more without each of its sources, if it is the answer."
    )
    export: int = Field(
        1000,
        ge=1,
        description="Samples of the best mixture written out at the end of a search: images, or, where activations are "
        "mixed, a table of the images they are made of.",
    )
    controls: Listed[str] = ("committee", "single-source", "transferability", "joint-training")
    variants: Listed[str] = ()
