"""Candidates: what the rows of a confirmation are trained on, and how each is adapted to the target."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
