"""geosearch: find, before you pay for training, the data set to pretrain on for a given target."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "LabelledSet": "geosearch.data.dataset",
    "UnlabelledSet": "geosearch.data.unlabelled",
    "load": "geosearch.data.loaders.registry",
    "G2L": "geosearch.pseudo_labels.g2l",
    "otdd": "geosearch.transport.otdd",
    "Anchors": "geosearch.mixture.anchors",
    "Hull": "geosearch.mixture.hull",
    "Mixture": "geosearch.mixture.mixture",
    "OwnSpace": "geosearch.mixture.spaces.base",
    "Weights": "geosearch.mixture.weights",
    "Curation": "geosearch.curation.curation",
    "dataset_derivative": "geosearch.curation.influence",
    "Study": "geosearch.study.study",
    "GeosearchError": "geosearch.errors",
}

__all__ = [*_PUBLIC, "__version__"]

if TYPE_CHECKING:
    from geosearch.curation.curation import Curation as Curation
    from geosearch.curation.influence import dataset_derivative as dataset_derivative
    from geosearch.data.dataset import LabelledSet as LabelledSet
    from geosearch.data.loaders.registry import load as load
    from geosearch.data.unlabelled import UnlabelledSet as UnlabelledSet
    from geosearch.errors import GeosearchError as GeosearchError
    from geosearch.mixture.anchors import Anchors as Anchors
    from geosearch.mixture.hull import Hull as Hull
    from geosearch.mixture.mixture import Mixture as Mixture
    from geosearch.mixture.spaces.custom import CustomSpace as CustomSpace
    from geosearch.mixture.weights import Weights as Weights
    from geosearch.pseudo_labels.g2l import G2L as G2L
    from geosearch.study.study import Study as Study
    from geosearch.transport.otdd import otdd as otdd


logging.getLogger("geosearch").addHandler(logging.NullHandler())  # silent until an application asks for the log


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import geosearch` stays fast."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'geosearch' has no attribute '{name}'")
