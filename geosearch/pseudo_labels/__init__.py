"""Pseudo-labels: for the unlabelled images of the target, and for whole source sets without labels."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
