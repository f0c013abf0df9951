"""Cheap evaluations of a mixture, how well they rank mixtures, and which trials they prune."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
