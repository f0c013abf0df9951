"""Cheap evaluations of a mixture, and how well they rank mixtures."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
