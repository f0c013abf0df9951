"""Optimal transport between two labelled data sets: problems, plans, distances and maps."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
