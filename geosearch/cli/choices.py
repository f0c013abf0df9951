"""Names on the command line, and the objects that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from geosearch.data.unlabelled import Labelling
    from geosearch.embeddings.base import Embedding
    from geosearch.transport.label_distance import LabelDistance

Channels = Literal["1", "3"]
LabelDistanceName = Literal["gaussian", "exact", "means"]
DistanceEmbedding = Literal["pixels", "pca"]
Labeller = Literal["g2l", "clusters"]
LabellerEmbedding = Literal["source-classifier", "pca", "pixels"]
Rule = Literal["order", "bins"]
CurationEmbedding = Literal["patches", "pca", "pixels", "backbone"]
Task = Literal["detect", "reweight", "extend"]


def label_distance(name: LabelDistanceName) -> LabelDistance:
    from geosearch.transport.label_distance import ExactLabels, GaussianLabels, MeanLabels

    known: dict[str, LabelDistance] = {"gaussian": GaussianLabels(), "exact": ExactLabels(), "means": MeanLabels()}
    return known[name]


def distance_embedding(name: DistanceEmbedding) -> Embedding:
    from geosearch.embeddings.pca import PCA
    from geosearch.embeddings.pixels import Pixels

    return PCA() if name == "pca" else Pixels()


def curation_embedding(name: CurationEmbedding, backbone: str, weights: str | None) -> Embedding:
    """An embedding that needs no training on labels.

    Raises:
        InvalidOptionError: a backbone without weights.
    """
    from geosearch.config.build import fixed_embedding

    return fixed_embedding(name, backbone, weights)


def labelling(by: Labeller, *, labels: int, rule: Rule, embedding: LabellerEmbedding) -> Labelling:
    from geosearch.embeddings.pca import PCA
    from geosearch.embeddings.pixels import Pixels
    from geosearch.embeddings.source_classifier import SourceClassifier
    from geosearch.pseudo_labels.clusters import Clusters
    from geosearch.pseudo_labels.g2l import G2L
    from geosearch.pseudo_labels.g2l_rules import RULES

    embeddings: dict[str, Embedding] = {"source-classifier": SourceClassifier(), "pca": PCA(), "pixels": Pixels()}
    if by == "g2l":
        return G2L(labels, RULES[rule], embedding=embeddings[embedding])
    return Clusters(labels, embedding=embeddings[embedding])
