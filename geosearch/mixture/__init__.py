"""Mixtures of data sets: weights, anchors, the convex hull of the sources, and images drawn from it."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
