"""Curation: which samples of a data set help or harm a target, by the dataset derivative."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
