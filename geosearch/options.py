"""From a study file to the rooms' option objects: the only place where names become objects."""

from __future__ import annotations

from geosearch.config import StudyFile
from geosearch.domain.embed import PCA, Embedding, Pixels
from geosearch.evaluate.adaptation import Adaptation, FineTune, RidgeHead
from geosearch.evaluate.network import VGG, Architecture, ResNet18, SmallConv
from geosearch.evaluate.recipe import Augmentation, Recipe
from geosearch.evaluate.source_net import SourceNet
from geosearch.geodesic.anchors import Ground
from geosearch.transport.labels import ExactLabels, GaussianLabels, LabelDistance, MeanLabels
from geosearch.transport.solve import Exact, Sinkhorn, Solver


def embedding_of(file: StudyFile) -> Embedding:
    return {"source-net": SourceNet, "pca": PCA, "pixels": Pixels}[file.transport.embedding]()


def ground_of(file: StudyFile) -> Ground:
    transport = file.transport
    labels: dict[str, LabelDistance] = {
        "gaussian": GaussianLabels(),
        "exact": ExactLabels(),
        "means": MeanLabels(),
    }
    solvers: dict[str, Solver] = {"exact": Exact(), "sinkhorn": Sinkhorn()}
    return Ground(labels[transport.labels], solvers[transport.solver], transport.feature_weight, transport.label_weight)


def recipe_of(file: StudyFile) -> Recipe:
    """The short recipe of a study."""
    recipe = file.recipe
    networks: dict[str, Architecture] = {
        "small-conv": SmallConv(width=recipe.width),
        "vgg": VGG(),
        "resnet18": ResNet18(),
    }
    return Recipe(
        network=networks[recipe.network],
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        augmentation=_augmentation(file),
    )


def adaptations_of(file: StudyFile) -> dict[str, Adaptation]:
    """Both adaptations that a confirmation scores; the study minimises the error of one."""
    return {
        "ridge": RidgeHead(),
        "fine-tune": FineTune(steps=file.recipe.fine_tune_steps, augmentation=_augmentation(file)),
    }


def _augmentation(file: StudyFile) -> Augmentation:
    recipe = file.recipe
    return Augmentation(rotate=recipe.rotate, scale=recipe.scale, translate=recipe.translate, flip=recipe.flip)
