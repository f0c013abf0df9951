"""Loaders: from a specification such as 'digits' or 'npz:PATH' to a data set; one file per kind of source."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
