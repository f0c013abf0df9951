"""The model that a user takes away: a module, what its images go through, calibrated predictions, and its card."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
