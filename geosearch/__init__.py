"""geosearch: find, before you pay for training, the data set to pretrain on for a given target."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "LabelledSet": "geosearch.domain.dataset",
    "UnlabelledSet": "geosearch.domain.unlabelled",
    "load": "geosearch.domain.load",
    "G2L": "geosearch.curate.labelling",
    "otdd": "geosearch.transport.otdd",
    "Anchors": "geosearch.geodesic.anchors",
    "Hull": "geosearch.geodesic.hull",
    "Mixture": "geosearch.geodesic.mixture",
    "OwnSpace": "geosearch.geodesic.mixing_space",
    "Weights": "geosearch.geodesic.simplex",
    "Curation": "geosearch.curate.curation",
    "dataset_derivative": "geosearch.curate.derivative",
    "Study": "geosearch.pipeline",
    "GeosearchError": "geosearch.errors",
}

__all__ = [*_PUBLIC, "__version__"]

if TYPE_CHECKING:
    from geosearch.curate.curation import Curation as Curation
    from geosearch.curate.derivative import dataset_derivative as dataset_derivative
    from geosearch.curate.labelling import G2L as G2L
    from geosearch.domain.dataset import LabelledSet as LabelledSet
    from geosearch.domain.load import load as load
    from geosearch.domain.unlabelled import UnlabelledSet as UnlabelledSet
    from geosearch.errors import GeosearchError as GeosearchError
    from geosearch.geodesic.anchors import Anchors as Anchors
    from geosearch.geodesic.hull import Hull as Hull
    from geosearch.geodesic.mixing_space import OwnSpace as OwnSpace
    from geosearch.geodesic.mixture import Mixture as Mixture
    from geosearch.geodesic.simplex import Weights as Weights
    from geosearch.pipeline import Study as Study
    from geosearch.transport.otdd import otdd as otdd


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import geosearch` stays fast."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'geosearch' has no attribute '{name}'")
