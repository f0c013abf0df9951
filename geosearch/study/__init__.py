"""The whole house on one page: `Study`, and what it is prepared, estimated and exported with."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
