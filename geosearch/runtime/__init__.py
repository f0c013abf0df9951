"""Runtime: the cache, atomic files, parallel execution, events and limits that any room may need."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
