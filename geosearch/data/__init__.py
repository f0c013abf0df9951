"""Data sets: loaded, harmonized to one shape, cut into the parts of a few-shot target, and written."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
