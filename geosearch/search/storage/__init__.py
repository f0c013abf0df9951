"""Storages of studies: addresses, SQLite files, and what the errors of a database mean."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
