"""geosearch: find, before you pay for training, the data set to pretrain on for a given target."""

import logging as _logging

import lazy_loader as _lazy

__version__ = "0.2.0.dev0"

__getattr__, __dir__, _names = _lazy.attach_stub(__name__, __file__)
__all__ = [*_names, "__version__"]

_logging.getLogger("geosearch").addHandler(_logging.NullHandler())  # silent until an application asks for the log
