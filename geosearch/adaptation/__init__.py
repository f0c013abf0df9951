"""Adaptation: ways to use a pretrained network on the few labelled images of the target, and their error."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
