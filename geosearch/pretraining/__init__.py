"""Pretraining: what a network learns from a mixture besides its soft labels."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
