"""Draft: a study file proposed from what the folders of a target and its sources show."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
