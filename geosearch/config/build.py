"""From a study file to the rooms' option objects: the only place where names become objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.replay_selection import ReplaySelection
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_training import SelfTraining
from geosearch.config.study_config import StudyFile
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.backbone import TorchvisionBackbone
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.patches import RandomPatchFeatures
from geosearch.embeddings.pca import PCA
from geosearch.embeddings.pixels import Pixels
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.errors import InvalidOptionError
from geosearch.mixture.constraints import Limits
from geosearch.mixture.mapped_source import AnchorOptions
from geosearch.mixture.spaces.autoencoder import Autoencoder
from geosearch.mixture.spaces.base import MixingSpace
from geosearch.mixture.spaces.pixels import PixelSpace
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.early_stopping import EarlyStopping
from geosearch.nn.networks import VGG, Architecture, ResNet18, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.schedule import Constant, OneCycle, Schedule
from geosearch.nn.train import resolve_device
from geosearch.nn.weight_averaging import Averaging, ExponentialAverage, TailAverage
from geosearch.pseudo_labels.base import TargetLabelling
from geosearch.pseudo_labels.clusters import Clusters
from geosearch.pseudo_labels.ensemble import EnsembleLabelling
from geosearch.pseudo_labels.g2l import G2L
from geosearch.pseudo_labels.label_spreading import LabelSpreading
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.search.space import Space
from geosearch.transport.label_distance import ExactLabels, GaussianLabels, LabelDistance, MeanLabels
from geosearch.transport.maps.barycentric import Barycentric
from geosearch.transport.maps.base import Map
from geosearch.transport.maps.entropic import Entropic
from geosearch.transport.maps.neural.map import Neural
from geosearch.transport.solvers.base import Solver
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.sinkhorn import Sinkhorn

COMMITTEE = 4  # networks that label the reference together


def embedding_of(file: StudyFile) -> Embedding:
    transport = file.transport
    if transport.embedding == "source-classifier":
        return SourceClassifier(augmentation=Augmentation(recolour=file.recolour))
    return fixed_embedding(transport.embedding, transport.backbone, transport.weights)


def fixed_embedding(name: str, backbone: str = "resnet18", weights: str | None = None) -> Embedding:
    """One that learns nothing from labels: "pixels", "pca", "patches", or "backbone".

    Args:
        name: of the embedding.
        backbone: torchvision's name of the network.
        weights: a file with its state dict, or torchvision's name of weights.

    Raises:
        InvalidOptionError: a backbone without weights.
    """
    if name != "backbone":
        known: dict[str, Embedding] = {"pixels": Pixels(), "pca": PCA(), "patches": RandomPatchFeatures()}
        return known[name]
    if weights is None:
        raise InvalidOptionError('the backbone needs weights: a file with a state dict, or e.g. "IMAGENET1K_V1"')
    is_path = "/" in weights or Path(weights).suffix != ""
    place = {"weights_path": weights} if is_path else {"weights": weights}
    return TorchvisionBackbone(backbone, **place)  # type: ignore[arg-type]


def ground_of(file: StudyFile) -> AnchorOptions:
    transport = file.transport
    labels: dict[str, LabelDistance] = {
        "gaussian": GaussianLabels(),
        "exact": ExactLabels(),
        "means": MeanLabels(),
    }
    solvers: dict[str, Solver] = {"exact": Exact(), "sinkhorn": Sinkhorn()}
    maps: dict[str, Map] = {
        "barycentric": Barycentric(solvers[transport.solver]),
        "entropic": Entropic(),
        "neural": Neural(steps=transport.map_steps, device=file.recipe.device),
    }
    return AnchorOptions(
        labels[transport.labels], maps[transport.map], transport.feature_weight, transport.label_weight
    )


def pseudo_labels_of(file: StudyFile) -> TargetLabelling:
    """How the reference is labelled at first."""
    return LabelSpreading() if file.domain.pseudo_labels == "spreading" else NearestShot()


def labelling_of(file: StudyFile) -> Labelling | None:
    """What labels the sources that have no labels; None if the study does not say."""
    domain = file.domain
    if domain.labels is None:
        return None
    return {"g2l": G2L, "clusters": Clusters}[domain.labels](
        labels=domain.label_count or 10, embedding=embedding_of(file)
    )


def refinement_of(file: StudyFile) -> EnsembleLabelling | None:
    """How the reference is labelled anew once there is a hull, if it is."""
    if file.domain.pseudo_labels not in ("refined", "committee"):
        return None
    recipe, members = recipe_of(file), 1
    head = replace(EnsembleLabelling().head, augmentation=recipe.augmentation)
    if file.domain.pseudo_labels == "committee":
        recipe, members = recipe.scaled(file.recipe.long_steps), COMMITTEE
    return EnsembleLabelling(recipe, head, members, device=file.recipe.device, balance=file.domain.balance)


def limits_of(file: StudyFile) -> Limits | None:
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


def search_space_of(file: StudyFile) -> Space:
    """What a study's samplers see: its sources, with their limits and prices.

    Raises:
        InvalidOptionError: no mixture satisfies the limits.
    """
    sources, prices = file.domain.sources, file.price.sources
    asked = tuple(prices.get(source, 0.0) for source in sources) if prices else None
    return Space(len(sources), limits=limits_of(file), prices=asked)


def space_of(file: StudyFile) -> MixingSpace:
    return {"pixels": PixelSpace, "autoencoder": Autoencoder}[file.transport.space]()


def recipe_of(file: StudyFile) -> Recipe:
    """The short recipe of a study."""
    recipe = file.recipe
    networks: dict[str, Architecture] = {
        "small-conv": SmallConv(width=recipe.width),
        "vgg": VGG(),
        "resnet18": ResNet18(),
    }
    averages: dict[str, Averaging | None] = {"none": None, "exponential": ExponentialAverage(), "tail": TailAverage()}
    schedules: dict[str, Schedule] = {"one-cycle": OneCycle(), "constant": Constant()}
    return Recipe(
        network=networks[recipe.network],
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        augmentation=_augmentation(file),
        schedule=schedules[recipe.schedule],
        averaging=averages[recipe.averaging],
        early_stop=EarlyStopping(patience=recipe.early_stop) if recipe.early_stop else None,
        precision=recipe.precision,
        compiled=recipe.compiled,
    )


def adaptations_of(file: StudyFile, unlabelled: UnlabelledSet | None = None) -> dict[str, Adaptation]:
    """What a confirmation scores: frozen features, fine-tuning, and the study's own adaptation.

    Args:
        file: the study's settings.
        unlabelled: images of the target that self-training may use.
    """
    recipe, augmentation = file.recipe, _augmentation(file)
    steps, device = recipe.fine_tune_steps, str(resolve_device(recipe.device))
    known: dict[str, Adaptation] = {
        "ridge": RidgeHead(),
        "fine-tune": FineTuning(steps=steps, augmentation=augmentation, device=device),
        "linear-probe": LinearProbe(steps=steps, augmentation=augmentation, device=device),
        "self-train": SelfTraining(
            steps=3 * steps if recipe.unlabelled else 3 * steps // 2,
            head_steps=steps,
            augmentation=augmentation,
            device=device,
            unlabelled=unlabelled,
            confident_fraction=recipe.confident_fraction or SelfTraining.confident_fraction,
            balance=file.domain.balance,
        ),
        "rehearse": Rehearsal(
            steps=steps,
            augmentation=augmentation,
            device=device,
            share=recipe.rehearsal,
            selection=ReplaySelection(share=recipe.rehearse_nearest) if recipe.rehearse_nearest else None,
        ),
    }
    return {name: known[name] for name in dict.fromkeys(("ridge", "fine-tune", recipe.adaptation))}


def _augmentation(file: StudyFile) -> Augmentation:
    recipe = file.recipe
    return Augmentation(
        rotate=recipe.rotate,
        scale=recipe.scale,
        translate=recipe.translate,
        flip=recipe.flip,
        crop=recipe.crop,
        recolour=file.recolour,
    )
