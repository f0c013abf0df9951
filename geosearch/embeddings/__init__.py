"""Embeddings: the feature spaces in which distances between data sets are measured."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
