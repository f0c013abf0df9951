"""Build: from a study file to option objects, by the names under which options are registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import ADAPTATIONS, Adaptation
from geosearch.adaptation.loss import LOSSES
from geosearch.adaptation.prototypes import ROBUST
from geosearch.config.study_config import StudyFile
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.base import EMBEDDINGS, Embedding
from geosearch.mixture.constraints import Limits
from geosearch.mixture.label_spaces.base import LABEL_SPACES, LabelSpace
from geosearch.mixture.mapped_source import AnchorOptions
from geosearch.mixture.spaces.base import SPACES, MixingSpace
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.augmenter import AUGMENTATIONS, Augmenter
from geosearch.nn.early_stopping import EarlyStopping
from geosearch.nn.networks import NETWORKS, Architecture
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.schedule import SCHEDULES
from geosearch.nn.streams import as_tensor
from geosearch.nn.train import resolve_device
from geosearch.nn.weight_averaging import AVERAGINGS
from geosearch.pretraining.objective import INNERS, OBJECTIVES, Inner
from geosearch.pseudo_labels.base import PSEUDO_LABELLERS, TARGET_LABELLINGS, TargetLabelling
from geosearch.pseudo_labels.ensemble import EnsembleLabelling
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.search.magnitudes import Magnitudes
from geosearch.search.space import Space
from geosearch.transport.label_distances.base import LABEL_DISTANCES
from geosearch.transport.maps.base import MAPS
from geosearch.transport.solvers.base import SOLVERS


def build_embedding(file: StudyFile, network: Architecture | None = None) -> Embedding:
    """The space in which costs are measured; `network` as in `build_recipe`."""
    augmentation = Augmentation(recolour=file.recolour)
    activations = network if isinstance(network, PretrainedArchitecture) and network.codes else None
    context = {"augmentation": augmentation, "activations": activations}
    return EMBEDDINGS.build(file.transport.embedding, file.transport.settings, **context)


def build_anchor_options(file: StudyFile) -> AnchorOptions:
    """How the target is mapped to every source."""
    transport = file.transport
    solver = SOLVERS.build(transport.solver, transport.settings)
    return AnchorOptions(
        LABEL_DISTANCES.build(transport.label_distance, transport.settings),
        MAPS.build(transport.map, transport.settings, solver=solver, device=file.recipe.device),
        transport.feature_weight,
        transport.label_weight,
    )


def build_target_labelling(file: StudyFile, network: Architecture | None = None) -> TargetLabelling:
    """How the reference is labelled before there are mixtures; `network` as in `build_recipe`."""
    labelling = _build_named_labelling(file, network)
    return NearestShot() if isinstance(labelling, EnsembleLabelling) else labelling


def build_refinement(file: StudyFile, network: Architecture | None = None) -> EnsembleLabelling | None:
    """How the reference is labelled again once there are mixtures; None if it is not."""
    labelling = _build_named_labelling(file, network)
    return labelling if isinstance(labelling, EnsembleLabelling) else None


def build_ensemble(file: StudyFile, network: Architecture | None = None) -> EnsembleLabelling:
    """The labelling "ensemble", whatever the study's own."""
    made = _build_named_labelling(file, network, "ensemble")
    assert isinstance(made, EnsembleLabelling)
    return made


def _build_named_labelling(
    file: StudyFile, network: Architecture | None, name: str | None = None
) -> TargetLabelling | EnsembleLabelling:
    short = build_recipe(file, network)
    return TARGET_LABELLINGS.build(
        name or file.domain.pseudo_labels,
        file.domain.settings,
        short=short,
        long=short.scaled(file.recipe.long_steps),
        device=file.recipe.device,
        balance=file.domain.balance,
    )


def build_labelling(file: StudyFile, network: Architecture | None = None) -> Labelling | None:
    """The method that labels sources without labels; None if the study file names none."""
    domain = file.domain
    if domain.pseudo_labeller is None:
        return None
    return PSEUDO_LABELLERS.build(domain.pseudo_labeller, domain.settings, embedding=build_embedding(file, network))


def build_limits(file: StudyFile) -> Limits | None:
    """Which mixtures are allowed; None if all are.

    Raises:
        InvalidOptionError: no mixture satisfies the limits.
    """
    limits, sources = file.limits, file.domain.sources
    if limits == type(limits)():
        return None
    return Limits(
        tuple(limits.floors.get(source, 0.0) for source in sources),
        tuple(limits.caps.get(source, 1.0) for source in sources),
        tuple((tuple(map(sources.index, group.sources)), group.cap) for group in limits.groups),
        limits.most,
    )


def build_search_space(file: StudyFile) -> Space:
    """The search space: mixtures of the sources, with their limits and prices.

    Raises:
        InvalidOptionError: no mixture satisfies the limits.
    """
    sources, prices = file.domain.sources, file.price.sources
    asked = tuple(prices.get(source, 0.0) for source in sources) if prices else None
    magnitudes = Magnitudes(_build_ranges(file)) if file.recipe.augmentation == "searched" else None
    return Space(len(sources), limits=build_limits(file), prices=asked, magnitudes=magnitudes)


def build_mixing_space(file: StudyFile) -> MixingSpace:
    """Where images are mixed."""
    return SPACES.build(file.transport.space, file.transport.settings)


def build_label_space(file: StudyFile) -> LabelSpace:
    """Which classes of the sources are one label."""
    return LABEL_SPACES.build(file.domain.label_space, file.domain.settings)


def build_network(file: StudyFile) -> Architecture:
    """The network of a study."""
    return NETWORKS.build(file.recipe.network, file.recipe.settings)


def build_recipe(file: StudyFile, network: Architecture | None = None) -> Recipe:
    """The short recipe of a study.

    Args:
        file: the study's settings.
        network: the network as the study's sets decide about it (`Prepared.network`); that of the file if None.
    """
    recipe, settings = file.recipe, file.recipe.settings
    return Recipe(
        network=network or build_network(file),
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        augmentation=_build_augmentation(file),
        schedule=SCHEDULES.build(recipe.schedule, settings),
        averaging=AVERAGINGS.build(recipe.averaging, settings),
        early_stop=EarlyStopping(patience=recipe.early_stop) if recipe.early_stop else None,
        precision=recipe.precision,
        compiled=recipe.compiled,
        objective=OBJECTIVES.build(recipe.objective, settings, **_build_inner(file)) if recipe.objective else None,
    )


def _build_inner(file: StudyFile) -> dict[str, Inner]:
    """The head of episodes, if the study file names one."""
    return {"inner": INNERS.build(file.recipe.inner, file.recipe.settings)} if file.recipe.inner else {}


def build_copying(file: StudyFile) -> Callable[[np.ndarray, int], np.ndarray]:
    """Makes augmented copies of images (uint8 (n, h, w, ch), seed), by the fixed ranges, in their own colors."""
    augmentation = replace(_build_ranges(file), recolour=0.0)

    def copy(images: np.ndarray, seed: int) -> np.ndarray:
        moved = augmentation(as_tensor(images), seeds.torch_stream(seed, "copies"))
        return (moved.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()

    return copy


def build_adaptations(file: StudyFile, unlabelled: UnlabelledSet | None = None) -> dict[str, Adaptation]:
    """Name -> adaptation, for the confirmation: the linear head on frozen features, fine-tuning, and the study's own.

    Args:
        file: the study's settings.
        unlabelled: images of the target that self-training may use.
    """
    names = dict.fromkeys((ADAPTATIONS.default, "fine-tune", file.recipe.adaptation))
    return {name: build_adaptation(name, file, unlabelled) for name in names}


def build_adaptation(name: str, file: StudyFile, unlabelled: UnlabelledSet | None = None) -> Adaptation:
    """The adaptation of a name, with the settings of a study; `unlabelled` as in `build_adaptations`."""
    return ADAPTATIONS.build(
        name,
        file.recipe.settings,
        augmentation=_build_augmentation(file),
        device=str(resolve_device(file.recipe.device)),
        precision=file.recipe.precision,
        unlabelled=unlabelled,
        balance=file.domain.balance,
        loss=LOSSES.build(file.recipe.loss, file.recipe.settings) if file.recipe.loss else None,
        robust=ROBUST.build(file.recipe.robust, file.recipe.settings) if file.recipe.robust else None,
    )


def _build_augmentation(file: StudyFile) -> Augmenter:
    return AUGMENTATIONS.build(file.recipe.augmentation, file.recipe.settings, **vars(_build_ranges(file)))


def _build_ranges(file: StudyFile) -> Augmentation:
    """The augmentation with fixed ranges, whatever the study's own."""
    recipe = file.recipe
    return Augmentation(
        rotate=recipe.rotate,
        scale=recipe.scale,
        translate=recipe.translate,
        flip=recipe.flip,
        crop=recipe.crop,
        recolour=file.recolour,
    )
