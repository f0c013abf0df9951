"""The sections of a study file: every key, its default, its range, its meaning."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

One = TypeVar("One")
Listed = Annotated[tuple[One, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Section(BaseModel):
    """A section of a study file: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class StudySection(Section):
    """[study]"""

    name: str = Field(description="Name of the study; its database, mixture and report are named after it.")
    seed: int = Field(0, ge=0, description="Fixes every random draw of the study.")

    @field_validator("name")
    @classmethod
    def _safe(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("use letters, digits, '.', '_' and '-', 64 at most, starting with a letter or digit")
        return name


class DomainSection(Section):
    """[domain]"""

    target: str = Field(description="The set to do well on, e.g. 'digits', 'npz:PATH', 'torchvision:MNIST'.")
    sources: Listed[str] = Field(
        min_length=2, description="The shelf: sets to pretrain on, at least two, none of them the target."
    )
    shots: int = Field(5, ge=1, description="Labelled target images per class.")
    size: int = Field(28, ge=8, le=256, description="Height and width that all sets are brought to, pixels.")
    channels: Literal[1, 3] = Field(1, description="1: grey; 3: colour.")
    reference: int = Field(1000, ge=20, description="Unlabelled target images that maps are built from, at most.")
    held_out: int = Field(400, ge=20, description="Unlabelled target images kept for distances, at most.")
    test: int = Field(2000, ge=20, description="Test images of the target for the confirmation, at most.")
    samples: int = Field(4000, ge=20, description="Images taken from each source, at most, evenly over classes.")
    pseudo_labels: Literal["nearest", "spreading", "refined", "committee"] = Field(
        "committee",
        description="Labels of the reference: of the nearest shot; spread among near images; by a network that is "
        "pretrained on the hull of a first round; or by several, pretrained at length on mixtures and single sources.",
    )
    balance: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How far guessed labels are drawn to equally frequent classes, by networks that label the "
        "reference and in self-training: 1 where classes are known to be, 0 where some are rare.",
    )
    labels: Literal["g2l", "clusters"] | None = Field(
        None,
        description="How sources without labels get pseudo-labels: by geometry between the classes of the others, or "
        "by k-means, in the study's embedding. Left out: a source without labels is refused.",
    )
    label_count: int | None = Field(None, ge=2, description="Pseudo-labels of each such source; 10 if left out.")
    margin: Literal["keep", "match"] = Field(
        "keep", description="'match' pads sets that fill their frame to the target's margin."
    )
    polarity: Literal["keep", "light-on-dark"] = Field(
        "keep", description="'light-on-dark' inverts sets that are dark on light."
    )
    root: str | None = Field(None, description="Folder of torchvision's data sets; one in the cache if left out.")
    download: bool = Field(False, description="Let torchvision download what is missing.")

    @property
    def collection(self) -> dict[str, Any]:
        """What `load_shelf` asks for, but the seed and the labelling."""
        others = {"shots", "reference", "held_out", "test", "pseudo_labels", "balance", "labels", "label_count"}
        return self.model_dump(exclude=others)

    @model_validator(mode="after")
    def _apart(self) -> DomainSection:
        if self.target in self.sources:
            raise ValueError(f"the target {self.target!r} is listed among its own sources; take it out")
        twice = sorted({source for source in self.sources if self.sources.count(source) > 1})
        if twice:
            raise ValueError(f"sources {twice} are listed twice; list each once")
        if self.label_count is not None and self.labels is None:
            raise ValueError('label_count is the number of pseudo-labels; set labels = "g2l" or "clusters" with it')
        return self


class TransportSection(Section):
    """[transport]"""

    embedding: Literal["source-classifier", "pca", "pixels", "backbone"] = Field(
        "source-classifier",
        description="Where costs are measured: a small network trained on the sources, PCA, raw pixels, or the "
        "features of a torchvision network.",
    )
    backbone: str = Field("resnet18", description="torchvision's name of the network (embedding = backbone).")
    weights: str | None = Field(
        None, description="Its weights: a file with a state dict, or torchvision's name of published ones."
    )
    labels: Literal["gaussian", "exact", "means"] = Field("gaussian", description="Distance between classes.")
    map: Literal["barycentric", "entropic", "neural"] = Field(
        "barycentric",
        description="How the target is sent to a source: along a plan; by smooth potentials; by a trained network.",
    )
    solver: Literal["exact", "sinkhorn"] = Field(
        "exact", description="Of barycentric maps. 'exact': one-to-one, no blur; 'sinkhorn': entropic, blurs."
    )
    map_steps: int = Field(600, ge=1, description="Training steps of each neural map.")
    space: Literal["pixels", "autoencoder"] = Field(
        "pixels", description="Where images are mixed: as they are, or in the latent space of a small autoencoder."
    )
    feature_weight: float = Field(1.0, ge=0, description="Weight of the features in the ground cost.")
    label_weight: float = Field(1.0, ge=0, description="Weight of the label distance in the ground cost.")

    @model_validator(mode="after")
    def _weighted(self) -> TransportSection:
        if self.embedding == "backbone" and self.weights is None:
            raise ValueError(
                'embedding = "backbone" needs transport.weights: a file with a state dict, or e.g. "IMAGENET1K_V1"'
            )
        return self


class SearchSection(Section):
    """[search]"""

    evaluations: int = Field(24, ge=1, description="Mixtures that are trained, baselines included.")
    objective: Literal["episodes", "shots"] = Field(
        "episodes",
        description="What judges a mixture. 'episodes': the error of a ridge head, over many draws of as many shots "
        "among all pseudo-labelled images; 'shots': the adaptation's own cross-validated error on the true shots.",
    )
    sampler: Literal["hull", "gp", "tpe", "cmaes", "regression", "random"] = Field(
        "hull",
        description="Who proposes mixtures: 'hull' is a Gaussian process on their geometry, 'regression' "
        "works as RegMix does, 'cmaes' is CMA-ES by the package cmaes, the others are Optuna's.",
    )
    earlier: Listed[str] = Field(
        (),
        description="Studies of other targets over the same sources (names, databases, addresses), whose evaluations "
        "the sampler 'hull' starts from; each counts as far as it agrees with this study's own.",
    )
    batch: int = Field(
        2,
        ge=1,
        description="Proposals per round, evaluated side by side; fixes the numbers. As many as there are workers.",
    )
    jobs: int = Field(2, ge=1, description="Processes; changes no number.")
    prune: bool = Field(
        True,
        description="Let the held-out OTDD lead the sampler 'hull', and it and the closed form stop trials while they "
        "agree with the evaluations.",
    )
    proxy_samples: int = Field(400, ge=20, description="Held-out points of the proxy, at most.")
    finalists: int = Field(5, ge=1, description="Best trials that go on to the long recipe at once; more may follow.")
    repeats: int = Field(
        3,
        ge=1,
        description="Long trainings per finalist that there is time for; a race spends them where they bring most.",
    )
    storage: str | None = Field(
        None,
        description="Database address: `sqlite:///PATH`, `journal:PATH`, `postgresql://USER:PASSWORD@HOST/NAME` or "
        "`grpc://HOST:PORT`; sqlite:///studies/<name>.db if left out.",
    )


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
    most: int | None = Field(None, ge=1, description="Most sources in a mixture.")

    @property
    def named(self) -> set[str]:
        """Every source that some limit is about."""
        return {*self.floors, *self.caps, *(name for group in self.groups for name in group.sources)}


class PriceSection(Section):
    """[price]"""

    sources: dict[str, float] = Field(
        {},
        description="Source -> price of one of its images in a unit of your own (money, bytes, hours); 0 if left out. "
        "Then half of the proposals of the samplers 'hull', 'cmaes' and 'regression' look for mixtures that are "
        "cheaper at little more error.",
    )

    @field_validator("sources")
    @classmethod
    def _positive(cls, prices: dict[str, float]) -> dict[str, float]:
        if wrong := {source: price for source, price in prices.items() if not 0 <= price < math.inf}:
            raise ValueError(f"prices must be numbers from 0 upwards, got {wrong}")
        return prices


class RecipeSection(Section):
    """[recipe]"""

    network: Literal["small-conv", "vgg", "resnet18"] = Field("small-conv", description="What is trained.")
    width: int = Field(
        32,
        ge=4,
        le=4096,
        description="Channels of the middle convolution (small-conv): half as many first, four times last.",
    )
    steps: int = Field(300, ge=1, description="Pretraining steps of a trial (short recipe).")
    long_steps: int = Field(1000, ge=1, description="Pretraining steps of finalists, confirmation and committee.")
    batch: int = Field(64, ge=2, le=65536, description="Images per pretraining step.")
    learning_rate: float = Field(
        1e-2, gt=0, description="Peak learning rate of pretraining; 2e-3 suits vgg and resnet18."
    )
    weight_decay: float = Field(0.1, ge=0, description="Decoupled weight decay.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of each soft label spread over all classes.")
    schedule: Literal["one-cycle", "constant"] = Field("one-cycle", description="Learning rate over a training.")
    averaging: Literal["none", "exponential", "tail"] = Field(
        "none", description="Average of the weights over a training; it pays with a constant learning rate only."
    )
    early_stop: int = Field(
        0, ge=0, description="End a training after so many steps without a lower loss; 0 never. For constant rates."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of the training; bfloat16 is 1.3 to 1.6 times faster where processors know it."
    )
    compiled: bool = Field(False, description="Compile networks with torch.compile; pays in long trainings on a GPU.")
    adaptation: Literal["ridge", "linear-probe", "fine-tune", "rehearse", "self-train"] = Field(
        "ridge",
        description="How the network will be used: frozen features with a ridge head; a head trained on augmented "
        "shots; fine-tuned whole; fine-tuned while the mixture is rehearsed; fine-tuned on unlabelled images too, "
        "under labels that the network gives them.",
    )
    fine_tune_steps: int = Field(
        200, ge=1, description="Steps of training on the augmented shots; three times as many with unlabelled images."
    )
    unlabelled: int = Field(
        5000, ge=0, description="Unlabelled target images of self-training, at most; never less than the reference."
    )
    confident_fraction: float | None = Field(
        None, gt=0, le=1, description="Share of the unlabelled images whose labels are believed (self-train); else 0.7."
    )
    rehearsal: float = Field(0.3, gt=0, lt=1, description="Weight of the mixture in the loss (rehearse).")
    rehearse_nearest: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Share of the mixture's images that is rehearsed, those that unbalanced transport brings to the "
        "shots; all if left out.",
    )
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
        description="Where networks are trained; those of source-net and autoencoder are small, and always on the CPU.",
    )


class ConfirmSection(Section):
    """[confirm]"""

    seeds: int = Field(5, ge=1, le=100, description="Times that every row of the confirmation is retrained.")
    explain: bool = Field(True, description="Train the best mixture once more without each of its sources.")
    export: int = Field(1000, ge=1, description="Images of the best mixture written out at the end of a search.")
    variants: Listed[Literal["curated", "reweighted", "condensed", "meta-reweighted", "taught"]] = Field(
        (),
        description="Further rows, other ways to train on the best mixture: without the source images that harm "
        "the shots ('curated'), with all of them weighed by the derivative ('reweighted') or by meta-gradient "
        "('meta-reweighted'), on 50 learned images a class ('condensed'); or self-trained under labels that the "
        "networks of the finalists give together ('taught', where the adaptation is self-train).",
    )
